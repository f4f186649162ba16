"""Opens a Milvus Lite data folder for a server with several clients: repaired, loaded, hardened.

Import this only after `MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES` is set: Milvus Lite reads it at import.
It reaches into Milvus Lite's internals on purpose and fits exactly the pinned version.
"""

import logging
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

from milvus_lite.db import MilvusLite
from milvus_lite.exceptions import DataDirLockedError

from infra.local.milvus_answers import quicken_answers
from infra.local.milvus_hardening import harden_engine
from infra.local.milvus_repair import (
    RepairFailed,
    drop_flushed_wal,
    drop_unfinished_collections,
    load_repaired,
)
from infra.local.milvus_search import quicken_engine

SUPPORTED_ENGINE = "3.2.2"

log = logging.getLogger(__name__)


class EngineRefused(Exception):
    """The data folder cannot be served; the message says why and what to do."""


def open_engine(data: Path) -> Any:
    """Open the folder, repair what a killed process left behind, and load every collection of every database.

    Returns the `MilvusLite` instance, which holds the folder's lock until its `close()`. Safe to be used by
    several threads as long as writers are alone. Raises EngineRefused.
    """
    installed = version("milvus-lite")
    if installed != SUPPORTED_ENGINE:
        raise EngineRefused(f"milvus-lite is {installed}, this server fits {SUPPORTED_ENGINE}: install that one")
    harden_engine()
    quicken_engine()
    quicken_answers()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        engine: Any = MilvusLite(str(data))
    except DataDirLockedError:
        raise EngineRefused(f"{data} is served by another process: use that one, or stop it first") from None
    _open_each_collection_once(engine)
    for database in engine.list_databases():
        drop_unfinished_collections(Path(engine._collections_root(database)))
        for name in engine.list_collections(database_name=database):
            _open_collection(engine, database, name)
    return engine


def _open_collection(engine: Any, database: str, name: str) -> None:
    folder = Path(engine._collection_dir(name, database))
    try:
        drop_flushed_wal(folder)
        rows = load_repaired(engine.get_collection(name, database_name=database))
    except RepairFailed as failure:
        raise EngineRefused(str(failure)) from failure
    except Exception as failure:
        raise EngineRefused(
            f"collection {name} in {folder} cannot be opened ({failure!r}): "
            "put the folder back from a backup, or remove it and rebuild the index from its topics"
        ) from failure
    log.info("collection %s loaded, %d rows", name, rows)


def _open_each_collection_once(engine: Any) -> None:
    """Two readers that ask for a closed collection must not both open it: each would keep its own log."""
    one_at_a_time = threading.Lock()
    open_unguarded = engine.get_collection

    def get_collection(*args: Any, **kwargs: Any) -> Any:
        with one_at_a_time:
            return open_unguarded(*args, **kwargs)

    engine.get_collection = get_collection
