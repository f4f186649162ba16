"""A rebuild from what Kafka's own compaction has left of freshline.changes: the same rows, nothing deleted is back."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import live_stage
import pytest
from compaction_stage import TABLE, Log, stream, taken
from rebuild_live import WAIT_S, differences, generations_of, live, rebuilt, rows

from connectors.kafka_admin import KafkaAdmin
from connectors.kafka_writer import KafkaWriter
from index.milvus import MilvusStore
from schemas.change import Change, Origin, record_id, table_id
from schemas.errors import IndexUnavailable, Unavailable
from schemas.position import Position
from schemas.settings import Settings, read_secret
from schemas.topics import CHANGES

pytestmark = [pytest.mark.live, pytest.mark.long]

SOURCE = f"compacted_{uuid4().hex[:8]}"
"""Another one in each run. No contract names it, so nobody is shown its records; the stream job indexes them."""
HISTORIES = {
    1: ("good bad truncate bad", None),
    2: ("good bad", "text 5"),
    3: ("good bad good", "text 9"),
    4: ("good bad delete", None),
    5: ("good bad delete good", "text 16"),
    6: ("good delete bad", None),
    7: ("good", "text 20"),
}
"""What happens to each record, one after the other, and the text that is left of it. Texts are numbered throughout; the
truncate is of the whole table, so it comes before the other records are made."""
NAMES = {key: record_id(SOURCE, TABLE, {"id": key}, ["id"]) for key in HISTORIES}
EAGER = {"segment.ms": "1000", "min.cleanable.dirty.ratio": "0.001"}
"""With these Kafka compacts within seconds what is left to days otherwise."""
ROLL_S = 3.0


@dataclass
class Changes:
    """freshline.changes, with what this test writes there."""

    kafka: KafkaAdmin
    writer: KafkaWriter
    partitions: int

    def happen(self) -> None:
        steps = [
            (what, key, f"owner{turn}")
            for key, (happened, _) in HISTORIES.items()
            for turn, what in enumerate(happened.split())
        ]
        topic = stream(steps, SOURCE)
        log: Log = taken(topic.partitions[0], topic, self.partitions, SOURCE)
        for number, part in enumerate(log):
            for message in part:
                self.writer.write((CHANGES, number), message.key, message.value)
        self.writer.acknowledged()

    def empty(self, table: str, at: int) -> None:
        """Say in every partition that a table was emptied."""
        name = table_id(SOURCE, table)
        change = Change(
            op="truncate",
            record_id=name,
            source=SOURCE,
            table=table,
            key={},
            position=Position(f"{at:016x}.{at:016x}.{1:08x}"),
            commit_ms=0,
            event_ms=0,
            origin=Origin(topic="none", partition=0, offset=0),
        )
        for number in range(self.partitions):
            self.writer.write((CHANGES, number), name.encode(), change.model_dump_json().encode())
        self.writer.acknowledged()

    def compacted(self) -> bool | None:
        """Whether no key of this test's records stands there twice. Each look lets Kafka begin another segment."""
        time.sleep(ROLL_S)
        self.empty("nothing", 1)
        try:
            keys = Counter(m.key() for m in self.kafka.read(CHANGES) if (m.key() or b"").startswith(MINE))
        except Unavailable:
            return None
        return max(keys.values()) == 1 or None


MINE = f"{table_id(SOURCE, TABLE)}/".encode()


@pytest.fixture
def changes(settings: Settings) -> Iterator[Changes]:
    kafka = KafkaAdmin(settings.kafka)
    usual = kafka.configs([CHANGES])[CHANGES]
    changes = Changes(kafka, KafkaWriter(settings.kafka), kafka.topics()[CHANGES])
    yield changes
    kafka.configure(CHANGES, {option: usual[option] for option in EAGER})
    changes.empty(TABLE, 1000)


within = partial(live_stage.within, seconds=WAIT_S)


def shown(store: MilvusStore) -> dict[int, str | None]:
    """The text of each record."""
    held = store.held(list(NAMES.values()))
    return {key: " ".join(row.text for row in held[name].rows) or None for key, name in NAMES.items()}


def test_what_kafka_has_compacted_makes_the_same_rows_and_brings_nothing_back(
    settings: Settings, changes: Changes
) -> None:
    generations = generations_of(settings)
    token, before = read_secret(settings.milvus_token_file), live(generations).number
    left = {key: text for key, (_, text) in HISTORIES.items()}

    def caught_up() -> bool | None:
        try:
            return shown(MilvusStore(settings.milvus_uri, token, settings.collection)) == left or None
        except IndexUnavailable:
            return None

    changes.happen()
    within("the records", caught_up)
    changes.kafka.configure(CHANGES, EAGER)
    within("Kafka's compaction", changes.compacted)
    rebuilt(settings)
    after = live(generations).number
    assert after != before
    assert shown(MilvusStore(settings.milvus_uri, token, settings.collection, generation=after)) == left
    assert differences(rows(settings, before), rows(settings, after)) == []
