"""Repairs what a killed Milvus Lite process can leave in a collection's folder. Run before it serves anyone.

Nothing here removes a row: index files are derived from the data files, log files are removed only when the
manifest says that all of their rows are in data files, and a folder without a schema never was a collection.
"""

import logging
import os
import shutil
from pathlib import Path
from typing import Any

from milvus_lite.db import SCHEMA_FILENAME
from milvus_lite.engine.collection import _is_scalar_index_spec
from milvus_lite.storage.manifest import Manifest
from milvus_lite.storage.wal import WAL, _cleanup_old_wals

log = logging.getLogger(__name__)

BUILT_WHEN_SEARCHED = "SPARSE_INVERTED_INDEX"
"""An index type without a file."""


class RepairFailed(Exception):
    """An index cannot be loaded even after it was rebuilt from its data; the message names the data file."""


def drop_unfinished_collections(collections: Path) -> None:
    """Remove folders without a schema: a create or a drop that was killed half way.

    Left there, such a folder would make every later attempt to create that collection fail.
    """
    for folder in collections.iterdir():
        if folder.is_dir() and not (folder / SCHEMA_FILENAME).exists():
            shutil.rmtree(folder)
            log.warning("repaired: removed %s, left by an unfinished create or drop", folder)


def drop_flushed_wal(collection: Path) -> None:
    """Remove logs older than the one the manifest calls active: their rows are in data files already.

    A process killed while it deletes several such logs may leave the oldest. The engine lets a log win over
    data files, so it would then show rows as they were before, or bring deleted ones back.
    """
    active = Manifest.load(str(collection)).active_wal_number
    logs = str(collection / "wal")
    flushed = [number for number in WAL.find_wal_files(logs) if active is not None and number < active]
    if flushed:
        _cleanup_old_wals(logs, max(flushed))
        log.warning("repaired: removed %d already flushed log(s) of %s", len(flushed), collection.name)


def load_repaired(collection: Any) -> int:
    """Load the collection, rebuilding each index whose file is torn. Returns its number of rows.

    Raises RepairFailed when an index cannot be built from its data either.
    """
    for index in collection._index_specs.values():
        if index.index_type == BUILT_WHEN_SEARCHED:
            continue
        for segment in collection._segment_cache.values():
            if segment.num_rows > 0:
                _attach_index(collection, segment, index)
    collection.load()
    return int(collection.num_entities)


def _attach_index(collection: Any, segment: Any, index: Any) -> None:
    field = index.field_name
    try:
        collection._build_or_load_segment_index(segment, index)
        if _indexed_rows(segment, field) == segment.num_rows:
            return
        torn = f"covers {_indexed_rows(segment, field)} of {segment.num_rows} rows"
    except Exception as failure:  # whatever a decoder says to torn bytes
        torn = repr(failure)
    segment.release_index(field)
    file = _index_file(collection, segment, index)
    file.unlink(missing_ok=True)
    log.warning("repaired: index file %s was torn (%s), rebuilding it from its data", file.name, torn)
    try:
        collection._build_or_load_segment_index(segment, index)
    except Exception as failure:
        raise RepairFailed(
            f"index {field} of {collection.name} cannot be rebuilt from {segment.file_path} ({failure!r}): "
            "remove the collection's folder and rebuild the index from its topics"
        ) from failure


def _indexed_rows(segment: Any, field: str) -> int:
    if field in segment.scalar_indexes:
        return int(segment.scalar_indexes[field].row_count)
    return int(segment.indexes[field].num_vectors)


def _index_file(collection: Any, segment: Any, index: Any) -> Path:
    folder = collection._index_dir(segment.partition)
    scalar = _is_scalar_index_spec(index)
    return Path(os.fspath(segment.index_file_path(folder, index.index_type, index.field_name, scalar=scalar)))
