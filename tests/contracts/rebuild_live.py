"""What live tests of a rebuild share: the command, and what a generation holds."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pymilvus import MilvusClient

import freshline
from index.generations import Generation
from index.milvus_generations import MilvusGenerations
from index.milvus_schema import CHUNK_FIELDS, Names
from schemas.change import table_of
from schemas.position import NOWHERE
from schemas.settings import Settings, read_secret

WAIT_S = 240.0
"""Seconds for an update to be searchable, on a machine that does much else."""
REBUILD_S = 600.0


def generations_of(settings: Settings) -> MilvusGenerations:
    return MilvusGenerations(settings.milvus_uri, read_secret(settings.milvus_token_file), settings.collection)


def live(generations: MilvusGenerations) -> Generation:
    found = generations.live()
    assert found is not None
    return found


def started(settings: Settings, *options: str, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(Path(freshline.__file__)), "rebuild", *options]
    home = {"FRESHLINE_HOME": str(settings.home), **environment}
    return subprocess.Popen(
        command, env={**os.environ, **home}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def rebuilt(settings: Settings, *options: str, **environment: str) -> str:
    """What the command said; it has succeeded."""
    process = started(settings, *options, **environment)
    try:
        said, _ = process.communicate(timeout=REBUILD_S)
    finally:
        process.kill()
    assert process.returncode == 0, said
    return said


def rows(settings: Settings, generation: int) -> dict[str, dict[str, Any]]:
    """All that counts of a generation: every row, all fields, by its key; and each mark of a deletion that keeps
    anything out.

    A mark keeps nothing out where its record is there again, newer, or its whole table was emptied later: whatever is
    older than the mark is then older than that too. Whether such a mark is there depends on the turn in which the
    partitions of freshline.changes were read: each has the truncate, and the first to tell of it makes all older
    deletes void.
    """
    names = Names(settings.collection, generation)
    found = _all(settings, names.chunks, "chunk_id", list(CHUNK_FIELDS))
    marks = {name: row["position"] for name, row in _all(settings, names.deleted, "record_id", ["position"]).items()}
    there = {row["record_id"]: row["position"] for row in found.values()}
    for name, position in marks.items():
        if position > max(there.get(name, NOWHERE), marks.get(table_of(name), NOWHERE)):
            found[f"deleted {name}"] = {"position": position}
    return found


def _all(settings: Settings, collection: str, key: str, fields: list[str]) -> dict[str, dict[str, Any]]:
    client = MilvusClient(uri=settings.milvus_uri, token=read_secret(settings.milvus_token_file))
    pages = client.query_iterator(collection, batch_size=500, output_fields=[key, *fields], consistency_level="Strong")
    found: dict[str, dict[str, Any]] = {}
    while page := pages.next():
        found |= {row[key]: dict(row) for row in page}
    pages.close()
    client.close()
    return found


def differences(old: dict[str, dict[str, Any]], new: dict[str, dict[str, Any]]) -> list[str]:
    """What is in one of them only, or not the same in both."""
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
