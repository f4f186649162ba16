"""The whole local stack for freshness: from nothing, with one table, one worker of the stream job and the API."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psycopg

import freshline
from bench.common.options import Options
from bench.common.stack import servers
from bench.freshness.load import Load
from connectors.apply import apply
from connectors.load import load
from index.generations import Generation
from index.milvus import MilvusStore
from index.milvus_generations import MilvusGenerations
from infra.local.stack import Stack
from query.tokens import generate_keys
from schemas.errors import Unavailable
from schemas.settings import Settings, read_secret

SOURCES = Path(__file__).resolve().parents[1] / "events"
SOURCE = "bench"
SNAPSHOT_S = 180.0


@dataclass(frozen=True)
class Stage:
    """The servers, the source captured, and the table whose rows change."""

    stack: Stack
    settings: Settings
    load: Load

    def start(self) -> tuple[Settings, Generation]:
        """The stream job and the API at work, all rows searchable. Their settings, and the live generation."""
        self.stack.up_services()
        settings = freshline.settings_of(self.settings.home)
        return settings, _filled(settings, self.load.rows)


@contextmanager
def staged(options: Options, rows: int, chance: Random) -> Iterator[Stage]:
    """Meanwhile all servers run, and Debezium captures a table of so many rows. Nothing of it runs after."""
    with servers(options, SOURCES) as settings, psycopg.connect(freshline.dsn(settings), autocommit=True) as database:
        changes = Load(database, chance)
        changes.fill(rows)
        generate_keys(settings.home / "keys")
        apply(load(settings.sources), settings, lambda _: None)
        yield Stage(Stack(settings.home, lambda _: None), settings, changes)


def _filled(settings: Settings, rows: int) -> Generation:
    """The live generation, once it has all rows of the snapshot. Raises Unavailable if that takes too long."""
    place = settings.milvus_uri, read_secret(settings.milvus_token_file), settings.collection
    generations, deadline = MilvusGenerations(*place), time.monotonic() + SNAPSHOT_S
    live = None
    while time.monotonic() < deadline:
        live = live or generations.live()
        if live is not None and MilvusStore(*place, generation=live.number).count(SOURCE) == rows:
            return live
        time.sleep(0.25)
    raise Unavailable("the index", f"{rows} rows are not there after {SNAPSHOT_S:g} s; see {settings.home}/logs")
