"""The job's steps with their effects, and Kafka a list."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from stream_stage import CONTRACT, MEMBERS_TOPIC, TOPIC, delete, envelope, raw, upsert

from index.hash_embedder import HashEmbedder
from index.memory import MemoryStore
from index.store import Held, Version
from schemas.change import Change, Origin
from schemas.dead_letter import DeadLetter
from schemas.errors import IndexUnavailable, Unavailable
from schemas.label import LabelDefinition
from schemas.progress import Beat
from schemas.relation import Grant
from streams import job as job_module
from streams.decode import RawEvent
from streams.indexing import Indexer
from streams.job import Job
from streams.progress import Tracker
from streams.send import Message

NOW = 1_800_000_000_000


class Kafka:
    """What was sent, or an error that sending raises once."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.error: Exception | None = None

    async def send(self, messages: Sequence[Message]) -> None:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        self.sent.extend(messages)

    def of(self, topic: str) -> list[bytes]:
        return [message.value for message in self.sent if message.topic == topic]

    @property
    def letters(self) -> list[DeadLetter]:
        return [DeadLetter.model_validate_json(value) for value in self.of("freshline.dead-letters")]


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
    monkeypatch.setattr(job_module, "now_ms", lambda: NOW)
    job = Job([CONTRACT], Indexer(store, HashEmbedder(dimension=16)), Beats(), 1000)
    yield job
    job._thread.shutdown()


def as_message(change: Change) -> RawEvent:
    origin = Origin(topic="freshline.changes", partition=0, offset=3)
    return RawEvent(origin, change.record_id.encode(), change.model_dump_json().encode())


async def test_a_row_goes_out_as_label_change_and_grant_each_under_its_key(job: Job, kafka: Kafka) -> None:
    await job.take([raw(envelope())], kafka.send)
    label, change, grant = kafka.sent
    definition = LabelDefinition.model_validate_json(label.value)
    assert (label.topic, label.key, definition.genuine) == ("freshline.labels", str(definition.id).encode(), True)
    assert (change.topic, change.key) == ("freshline.changes", b"helpdesk/helpdesk.tickets/42")
    assert Change.model_validate_json(change.value).label == definition.id
    assert (grant.topic, grant.key) == ("freshline.relations", b"helpdesk/helpdesk.tickets/42")
    assert Grant.model_validate_json(grant.value).tuples != ()


async def test_the_rows_of_a_batch_keep_their_order(job: Job, kafka: Kafka) -> None:
    await job.take([raw(envelope(lsn=at, body=str(at))) for at in (1, 2, 3)], kafka.send)
    texts = [Change.model_validate_json(value).text for value in kafka.of("freshline.changes")]
    assert texts == ["1", "2", "3"]


async def test_a_label_is_defined_once_and_again_when_sending_it_failed(job: Job, kafka: Kafka) -> None:
    kafka.error = Unavailable("Kafka")
    with pytest.raises(Unavailable):
        await job.take([raw(envelope())], kafka.send)
    await job.take([raw(envelope()), raw(envelope())], kafka.send)
    await job.take([raw(envelope())], kafka.send)
    await job.take([raw(envelope(region="us"))], kafka.send)
    assert (len(kafka.of("freshline.labels")), len(kafka.of("freshline.changes"))) == (2, 4)


async def test_a_bad_event_goes_whole_to_the_dead_letters_and_the_others_go_on(job: Job, kafka: Kafka) -> None:
    await job.take([raw(b"\xff broken", key=b"\x00key", offset=11), raw(envelope())], kafka.send)
    assert kafka.letters == [
        DeadLetter(
            origin=Origin(topic=TOPIC, partition=1, offset=11),
            reason="malformed_event",
            message=kafka.letters[0].message,
            at_ms=NOW,
            source="helpdesk",
            table="helpdesk.tickets",
            key=b"\x00key",
            value=b"\xff broken",
            headers=(("h", b"\xff"),),
        )
    ]
    assert len(kafka.of("freshline.changes")) == 1
    assert kafka.sent[-1].topic != "freshline.dead-letters"
    assert next(m.key for m in kafka.sent if m.topic == "freshline.dead-letters") == f"{TOPIC}/1/11".encode()


async def test_a_row_without_permission_is_a_dead_letter_a_delete_and_an_empty_grant(job: Job, kafka: Kafka) -> None:
    await job.take([raw(envelope(tenant_id=None))], kafka.send)
    (change,) = kafka.of("freshline.changes")
    (grant,) = kafka.of("freshline.relations")
    assert Change.model_validate_json(change).op == "delete"
    assert Grant.model_validate_json(grant).tuples == ()
    assert [letter.reason for letter in kafka.letters] == ["no_permission"]
    assert kafka.of("freshline.labels") == []


async def test_an_event_on_a_topic_of_nobody_is_a_dead_letter_without_source(job: Job, kafka: Kafka) -> None:
    await job.take([raw(envelope(), topic="other.public.t")], kafka.send)
    assert [(x.reason, x.source, x.table) for x in kafka.letters] == [("unknown_table", "", "")]


async def test_a_tombstone_sends_nothing(job: Job, kafka: Kafka) -> None:
    await job.take([raw(None)], kafka.send)
    assert kafka.sent == []


async def test_changes_are_in_the_index_when_indexing_returns(job: Job, kafka: Kafka, store: MemoryStore) -> None:
    await job.index(
        [as_message(upsert("1", 5, "text")), as_message(upsert("2", 6)), as_message(delete("2", 7))], kafka.send
    )
    assert (list(store.records), kafka.sent) == (["helpdesk/helpdesk.tickets/1"], [])


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
    job = Job([CONTRACT], Indexer(store, HashEmbedder(dimension=16)), Beats(), 1000)
    with pytest.raises(IndexUnavailable):
        await job.index([as_message(upsert("1", 5))], kafka.send)
    await job.index([as_message(upsert("1", 5))], kafka.send)
    job._thread.shutdown()
    assert (len(store.records), kafka.sent) == (1, [])


def test_our_heartbeats_are_noted_and_everything_else_on_their_topic_is_not(job: Job) -> None:
    def message(prefix: str, **source: Any) -> RawEvent:
        value = envelope() | {"op": "m", "message": {"prefix": prefix}}
        return raw(value | {"source": value["source"] | source}, topic="helpdesk.message")

    others = [message("outbox"), message("freshline.helpdesk", lsn=None), raw(b"no json", topic="helpdesk.message")]
    job.note_beats([*others, message("freshline.helpdesk")])
    tracker = job._tracker
    assert isinstance(tracker, Beats)
    assert tracker.noted == [Beat(source="helpdesk", commit_ms=1795400764444, position=f"{100:016x}.00000000")]


def test_each_raw_topic_and_each_heartbeat_topic_is_known(job: Job) -> None:
    assert set(job.tables) == {TOPIC, MEMBERS_TOPIC}
    assert job.beats == {"helpdesk.message": "helpdesk"}
