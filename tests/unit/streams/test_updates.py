"""News of what just became visible: nothing lost, nothing told that changed nothing."""

from collections.abc import Sequence

import pytest
from stream_stage import CONTRACT, Kafka, RawTopic, delete, relabel, truncate, upsert

from index.hash_embedder import HashEmbedder
from index.memory import MemoryStore
from schemas.change import Change, Origin
from schemas.update import Update
from streams.decode import RawEvent
from streams.indexing import Indexer
from streams.intake import tables_by_topic
from streams.job import Job
from streams.progress import Tracker
from streams.send import Message, Send
from streams.taking import Taking

Told = list[tuple[str, str, str]]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def indexer(store: MemoryStore) -> Indexer:
    return Indexer(store, HashEmbedder(dimension=16))


def told(indexer: Indexer, *changes: Change) -> Told:
    return [_short(update) for update in indexer.apply(changes).updates]


def _short(update: Update) -> tuple[str, str, str]:
    return update.record_id.rpartition("/")[2], f"{int(update.position.split('.')[0], 16)}", update.kind


def test_a_new_record_is_told_of_without_any_of_its_content(indexer: Indexer) -> None:
    change = upsert("1", 5, "a secret text", label=9, title="a title")
    (update,) = indexer.apply([change]).updates
    assert update == Update(
        record_id="helpdesk/helpdesk.tickets/1",
        source="helpdesk",
        table="helpdesk.tickets",
        position=change.position,
        commit_ms=change.commit_ms,
        event_ms=change.event_ms,
        label=9,
        kind="changed",
    )


def test_only_the_newest_version_of_a_batch_is_told(indexer: Indexer) -> None:
    assert told(indexer, upsert("1", 5, "one"), upsert("1", 6, "two")) == [("1", "6", "changed")]


def test_a_relabel_and_an_upsert_with_another_label_alone_are_told_as_relabelled(indexer: Indexer) -> None:
    told(indexer, upsert("1", 5, "text"), upsert("2", 5, "text"))
    assert told(indexer, relabel("1", 6, label=8)) == [("1", "6", "relabelled")]
    later = upsert("2", 6, "text", label=8)
    same_event = later.model_copy(update={"event_ms": upsert("2", 5).event_ms})
    assert told(indexer, same_event) == [("2", "6", "relabelled")]


def test_a_later_version_that_says_the_same_is_not_told(indexer: Indexer) -> None:
    first = upsert("1", 5, "text")
    told(indexer, first)
    assert told(indexer, upsert("1", 6, "text").model_copy(update={"event_ms": first.event_ms})) == []


def test_an_older_version_that_is_replayed_is_not_told(indexer: Indexer) -> None:
    told(indexer, upsert("1", 6, "new"))
    assert told(indexer, upsert("1", 5, "old")) == []


def test_a_version_that_is_in_the_index_but_was_never_told_is_told_when_it_is_read_again(indexer: Indexer) -> None:
    batch = [upsert("1", 5, "text"), upsert("2", 6, "text")]
    indexer.apply(batch)  # and the worker died here, before Kafka knew
    assert told(indexer, *batch) == [("1", "5", "changed"), ("2", "6", "changed")]


def test_a_version_that_was_never_told_is_told_although_the_next_one_in_its_batch_says_the_same(
    indexer: Indexer,
) -> None:
    first = upsert("1", 5, "text")
    same = upsert("1", 6, "text").model_copy(update={"event_ms": first.event_ms})
    indexer.apply([first])  # and the worker died here
    assert told(indexer, first, same) == [("1", "6", "changed")]


def test_deletes_truncates_and_records_without_text_are_not_told(indexer: Indexer) -> None:
    told(indexer, upsert("1", 5), upsert("2", 5))
    assert told(indexer, delete("1", 6), truncate(7), upsert("3", 8, text="", title="")) == []


def test_a_record_that_the_index_does_not_take_is_told_only_where_its_label_changed(indexer: Indexer) -> None:
    told(indexer, upsert("1", 5, "text", label=7))
    too_large = upsert("1", 6, "text", label=8, url="x" * 9000)
    assert told(indexer, too_large, upsert("2", 6, url="x" * 9000)) == [("1", "6", "relabelled")]


def worker(store: MemoryStore) -> Job:
    """A worker that has just been started: of the index, only what is in it is known."""
    taking = Taking(tables_by_topic([CONTRACT]), RawTopic(), 1000, partitions=3)
    return Job({}, taking, Indexer(store, HashEmbedder(dimension=16)), Tracker.__new__(Tracker))


def message(change: Change, offset: int = 3) -> RawEvent:
    origin = Origin(topic="freshline.changes", partition=0, offset=offset)
    return RawEvent(origin, b"k", change.model_dump_json().encode())


async def done(job: Job, raws: list[RawEvent], send: Send) -> None:
    try:
        await job.index(raws, send)
    finally:
        job._thread.shutdown()


async def test_what_milvus_has_but_kafka_was_not_told_of_is_told_by_the_next_worker(store: MemoryStore) -> None:
    kafka, changes = Kafka(), [upsert("1", 5, "text"), upsert("2", 6, "text"), relabel("2", 7, label=8)]
    batch = [message(change, offset) for offset, change in enumerate(changes)]
    kafka.error = ConnectionError("the worker ends here")
    with pytest.raises(ConnectionError):  # so its offsets are not committed, and all is read again
        await done(worker(store), batch, kafka.send)
    assert (len(store.records), kafka.sent) == (2, [])
    for raw in batch:  # in other batches than before
        await done(worker(store), [raw], kafka.send)
    told = [_short(Update.model_validate_json(value)) for value in kafka.of("freshline.updates")]
    assert told == [("1", "5", "changed"), ("2", "7", "changed")]


async def test_the_job_sends_each_version_once_and_only_after_the_index_has_it(store: MemoryStore) -> None:
    kafka, shown = Kafka(), []
    change = upsert("1", 5)

    async def send(messages: Sequence[Message]) -> None:
        shown.append(sorted(store.records))
        await kafka.send(messages)

    await done(worker(store), [message(change), message(change)], send)
    (sent,) = kafka.sent
    assert (sent.topic, sent.key, shown) == (
        "freshline.updates",
        b"helpdesk/helpdesk.tickets/1",
        [[change.record_id]],
    )
    assert b"a text" not in sent.value


async def test_an_update_says_when_its_batch_was_taken_up_and_when_it_had_its_vectors(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.job.now_ms", lambda: 1_000)
    indexer = Indexer(store, HashEmbedder(dimension=16), now_ms=lambda: 1_030)
    kafka, taking = Kafka(), Taking(tables_by_topic([CONTRACT]), RawTopic(), 1000, partitions=3)
    job = Job({}, taking, indexer, Tracker.__new__(Tracker))
    value = upsert("1", 5).model_dump_json().encode()
    await job.index([RawEvent(Origin(topic="freshline.changes", partition=0, offset=3), b"k", value)], kafka.send)
    job._thread.shutdown()
    update = Update.model_validate_json(kafka.sent[0].value)
    assert (update.begun_ms, update.embedded_ms) == (1_000, 1_030)


def test_an_update_of_before_it_told_its_times_can_be_read(indexer: Indexer) -> None:
    (update,) = indexer.apply([upsert("1", 5)]).updates
    older = update.model_dump_json(exclude={"begun_ms", "embedded_ms"})
    assert Update.model_validate_json(older) == update
