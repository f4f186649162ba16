"""The job's steps with their effects, and Kafka a list."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from stream_stage import CONTRACT, MEMBERS_TOPIC, TOPIC, Kafka, RawTopic, delete, envelope, raw, upsert

from index.hash_embedder import HashEmbedder
from index.memory import MemoryStore
from index.store import Held, Version
from schemas.change import Change, Origin
from schemas.errors import IndexUnavailable
from schemas.progress import Beat
from streams.decode import RawEvent
from streams.indexing import Indexer
from streams.intake import tables_by_topic
from streams.job import Job
from streams.progress import Tracker
from streams.taking import Taking

NOW = 1_800_000_000_000


class Beats(Tracker):
    def __init__(self) -> None:
        self.noted: list[Beat] = []

    def note(self, beat: Beat) -> None:
        self.noted.append(beat)


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def job(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    monkeypatch.setattr("streams.dead_letters.now_ms", lambda: NOW)
    job = made(store)
    yield job
    job._thread.shutdown()


def made(store: MemoryStore) -> Job:
    taking = Taking(tables_by_topic([CONTRACT]), RawTopic(), 1000, partitions=3)
    return Job({CONTRACT.beat_topic: CONTRACT.source}, taking, Indexer(store, HashEmbedder(dimension=16)), Beats())


def as_message(change: Change) -> RawEvent:
    origin = Origin(topic="freshline.changes", partition=0, offset=3)
    return RawEvent(origin, change.record_id.encode(), change.model_dump_json().encode())


async def test_changes_are_in_the_index_when_indexing_returns(job: Job, kafka: Kafka, store: MemoryStore) -> None:
    await job.index(
        [as_message(upsert("1", 5, "text")), as_message(upsert("2", 6)), as_message(delete("2", 7))], kafka.send
    )
    assert (list(store.records), kafka.letters) == (["helpdesk/helpdesk.tickets/1"], [])


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"{}", b'{"op": "upsert"}', b"[]"], ids=repr)
async def test_what_is_no_change_of_ours_is_a_dead_letter(
    job: Job, kafka: Kafka, store: MemoryStore, value: bytes | None
) -> None:
    origin = Origin(topic="freshline.changes", partition=0, offset=4)
    await job.index([RawEvent(origin, b"k", value), as_message(upsert("1", 5))], kafka.send)
    (letter,) = kafka.letters
    assert (letter.reason, letter.key, letter.value, letter.origin) == ("malformed_event", b"k", value, origin)
    assert len(store.records) == 1


async def test_what_the_index_refuses_is_a_dead_letter_with_source_and_bytes(
    job: Job, kafka: Kafka, store: MemoryStore
) -> None:
    bad = as_message(upsert("1", 5, url="x" * 9000))
    await job.index([bad, as_message(upsert("2", 6))], kafka.send)
    (letter,) = kafka.letters
    assert (letter.reason, letter.source, letter.table) == ("text_too_large", "helpdesk", "helpdesk.tickets")
    assert (letter.key, letter.value) == (bad.key, bad.value)
    assert list(store.records) == ["helpdesk/helpdesk.tickets/2"]


async def test_an_index_that_is_away_is_raised_and_the_batch_can_be_done_again(kafka: Kafka) -> None:
    class Flaky(MemoryStore):
        tries = 0

        def write(self, versions: Sequence[Version]) -> None:
            self.tries += 1
            if self.tries == 1:
                raise IndexUnavailable()
            super().write(versions)

        def held(self, record_ids: Sequence[str]) -> dict[str, Held]:
            return super().held(record_ids)

    store = Flaky()
    job = made(store)
    with pytest.raises(IndexUnavailable):
        await job.index([as_message(upsert("1", 5))], kafka.send)
    await job.index([as_message(upsert("1", 5))], kafka.send)
    job._thread.shutdown()
    assert (len(store.records), kafka.letters) == (1, [])


def test_our_heartbeats_are_noted_and_everything_else_on_their_topic_is_not(job: Job) -> None:
    def message(prefix: str, **source: Any) -> RawEvent:
        value = envelope() | {"op": "m", "message": {"prefix": prefix}}
        return raw(value | {"source": value["source"] | source}, topic="helpdesk.message")

    others = [message("outbox"), message("freshline.helpdesk", lsn=None), raw(b"no json", topic="helpdesk.message")]
    job.note_beats([*others, message("freshline.helpdesk")])
    tracker = job._tracker
    assert isinstance(tracker, Beats)
    position = f"{100:016x}.{100:016x}.00000000"
    assert tracker.noted == [Beat(source="helpdesk", commit_ms=1795400764444, position=position)]


async def test_each_raw_topic_is_known_and_intake_is_the_jobs_first_step(job: Job, kafka: Kafka) -> None:
    assert set(job.raw_topics) == {TOPIC, MEMBERS_TOPIC}
    await job.take([raw(envelope())], kafka.send)
    assert [change.text for change in kafka.changes] == ["It is on fire."]
