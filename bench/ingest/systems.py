"""What is compared: Freshline and its rivals, each started before an empty topic with an empty index."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pymilvus import MilvusClient

from bench.common.options import CORES, Options
from bench.common.rivals import RIVALS, Place, rival
from bench.common.stack import workers
from bench.events import TOPIC, make_topic
from connectors.kafka_admin import KafkaAdmin
from index.milvus_schema import Names
from index.models.files import prepared_folder
from schemas.errors import Unavailable
from schemas.settings import Settings, read_secret

FRESHLINE = "Freshline"
BATCHED = "PyDebeziumAI, in batches"
"""By its `sync_batch`, which its documentation does not show: quicker where it folds changes of one row."""
KEY_FIELDS = ("record_id", "record", "doc_id", "pk")
"""How systems call the field that names a row of the source: the first of these that a collection has."""
MOST_ROWS = 16_000
PARTITIONS = 4
INDEXED = re.compile(r"indexed (\d+) \(embedded (\d+),")


@dataclass(slots=True)
class System:
    """One at work. `tally`, once it has ended: `embedded` texts; Freshline also `written` record versions."""

    topic: str
    collection: str
    client: MilvusClient
    at_work: Callable[[], bool]
    require_alive: Callable[[], None]
    wrapped: bool = False
    whole_before: bool = False
    """It reads no update without the whole row before."""
    tally: dict[str, int] = field(default_factory=dict)
    _key: str = ""
    _there: bool = False

    def rows(self) -> int:
        """How many chunks are searchable."""
        if not self._exists():
            return 0
        (found,) = self.client.query(self.collection, filter="", output_fields=["count(*)"])
        return int(found["count(*)"])

    def keys(self) -> set[str]:
        """Which rows of the source are searchable, by their key."""
        if not self._exists():
            return set()
        if not self._key:
            names = {one["name"] for one in self.client.describe_collection(self.collection)["fields"]}
            self._key = next(name for name in KEY_FIELDS if name in names)
        found = self.client.query(self.collection, filter="", output_fields=[self._key], limit=MOST_ROWS)
        return {str(row[self._key]).replace(":", "/").rpartition("/")[2] for row in found}

    def _exists(self) -> bool:
        self._there = self._there or self.client.has_collection(self.collection)
        return self._there


Start = Callable[[str], AbstractContextManager[System]]
"""Starts a system; what it is given names the run."""


def systems(options: Options, settings: Settings) -> dict[str, Start]:
    """By the name that readers know; Freshline first."""
    others = {title: partial(_rival, options, settings, name) for name, title in RIVALS.items()}
    batched = partial(_rival, options, settings, "pydebeziumai", more=("--sync-batch",))
    return {FRESHLINE: partial(_freshline, settings), **others, BATCHED: batched}


@contextmanager
def _freshline(settings: Settings, run: str) -> Iterator[System]:
    log = settings.home / "logs" / "worker.log"
    begin = log.stat().st_size if log.exists() else 0
    with workers(settings, run, cores=CORES) as own:
        system = System(TOPIC, Names(own.collection, 1).chunks, _client(own), lambda: True, lambda: None)
        yield system
    system.client.drop_collection(system.collection)
    system.tally.update(_told(log, begin))


@contextmanager
def _rival(options: Options, settings: Settings, name: str, run: str, more: tuple[str, ...] = ()) -> Iterator[System]:
    unique = f"{name}_{run}".replace("-", "_")
    topic = f"{unique}.public.articles"
    make_topic(settings.kafka, topic, PARTITIONS)
    place = Place(
        kafka=settings.kafka,
        topic=topic,
        group=unique,
        milvus=settings.milvus_uri,
        token=read_secret(settings.milvus_token_file),
        collection=unique,
        model=prepared_folder(options.product),
        more=more,
    )
    kafka, client, special = KafkaAdmin(settings.kafka), _client(settings), name == "pathway"
    with rival(options, name, place) as running:
        system = System(
            *(topic, unique, client, lambda: kafka.members(unique) > 0, running.require_alive),
            wrapped=special,
            whole_before=special,
        )
        yield system
    system.tally.update(running.tally)
    if client.has_collection(unique):
        client.drop_collection(unique)


def _client(settings: Settings) -> MilvusClient:
    return MilvusClient(settings.milvus_uri, token=read_secret(settings.milvus_token_file), dedicated=True)


def _told(log: Path, begin: int) -> dict[str, int]:
    """What the stream job wrote into its log of this run. Raises Unavailable where it says nothing of a batch."""
    with log.open("rb") as file:
        file.seek(begin)
        found = [(int(a), int(b)) for a, b in INDEXED.findall(file.read().decode(errors="replace"))]
    if not found:
        raise Unavailable("the stream job", f"it tells of no batch in {log}")
    return {"written": sum(written for written, _ in found), "embedded": sum(embedded for _, embedded in found)}
