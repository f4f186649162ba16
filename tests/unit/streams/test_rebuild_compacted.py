"""What Kafka keeps of freshline.changes makes the same index as all that ever stood there.

Kafka's compaction keeps the last message of each key, at its offset. A record has two keys: its content, or that it is
gone, under one; under the other who may see it since its content cannot be used.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import pytest
from compaction_stage import TABLE, Log, stream, taken
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_stage import RawTopic

from index.hash_embedder import HashEmbedder
from index.memory import MemoryStore
from index.store import Held
from schemas.change import Change, record_id, table_id
from streams.decode import RawEvent
from streams.indexing import Indexer
from streams.send import Message

PARTITIONS = 2
KEYS = (1, 2, 3)
NAMES = [record_id("helpdesk", TABLE, {"id": key}, ["id"]) for key in KEYS]


def compacted(log: Log, until: Sequence[int]) -> Log:
    """What is left when the cleaner has cleaned each partition up to there."""
    return [[*_last_of_each_key(part[:clean]), *part[clean:]] for part, clean in zip(log, until, strict=True)]


def _last_of_each_key(messages: Sequence[Message]) -> Iterator[Message]:
    last = {message.key: number for number, message in enumerate(messages)}
    return (message for number, message in enumerate(messages) if last[message.key] == number)


def indexed(batches: Sequence[Sequence[Message]]) -> MemoryStore:
    store = MemoryStore()
    indexer = Indexer(store, HashEmbedder(dimension=8))
    for batch in batches:
        indexer.apply([Change.model_validate_json(message.value) for message in batch])
    return store


def whole(log: Log) -> MemoryStore:
    """The index made of a log, partition by partition, a message at a time."""
    return indexed([[message] for part in log for message in part])


def content(store: MemoryStore) -> dict[str, Held]:
    """All that counts of an index: each record's rows, and below which position nothing is taken for it any more."""
    return store.held(NAMES)


@pytest.mark.parametrize(
    ("happened", "shown"),
    [
        pytest.param("good bad", "text 1", id="content, then a label"),
        pytest.param("good bad good", "text 3", id="a label, then content"),
        pytest.param("good bad good bad", "text 3", id="both twice"),
        pytest.param("good bad delete", None, id="deleted after the label"),
        pytest.param("good bad nobody", None, id="shown to nobody after the label"),
        pytest.param("good bad delete good", "text 4", id="made again after label and delete"),
        pytest.param("good delete bad", None, id="made again but unusable"),
        pytest.param("good bad delete bad good", "text 5", id="made again, unusable at first"),
        pytest.param("good bad truncate", None, id="emptied after the label"),
        pytest.param("good bad truncate bad", None, id="emptied, made again but unusable"),
        pytest.param("bad", None, id="never usable"),
    ],
)
def test_of_a_record_with_unusable_content_the_last_of_each_key_makes_the_same_rows(
    happened: str, shown: str | None
) -> None:
    """Its owner is another one each time, so that a label that is not the last one shows."""
    topic = stream([(what, KEYS[0], f"owner{number}") for number, what in enumerate(happened.split())])
    log = taken(topic.partitions[0], topic, PARTITIONS)
    kept = compacted(log, [len(part) for part in log])
    assert content(whole(kept)) == content(whole(log))
    assert all(len({message.key for message in part}) == len(part) for part in kept)
    assert [row.text for row in whole(kept).records.get(NAMES[0], ())] == ([shown] if shown else [])


def test_only_a_label_of_a_deleted_record_is_left_and_does_not_bring_it_back() -> None:
    topic = stream([("good", 1, "ann"), ("bad", 1, "bob"), ("delete", 1, "")])
    log = compacted(taken(topic.partitions[0], topic, PARTITIONS), [3] * PARTITIONS)
    ops = [Change.model_validate_json(message.value).op for part in log for message in part]
    assert (ops, whole(log).records) == (["relabel", "delete"], {})


def test_of_a_row_made_after_its_table_was_emptied_nothing_older_is_shown_whenever_the_truncate_is_read() -> None:
    topic = stream([("good", 1, "ann"), ("truncate", 1, ""), ("bad", 1, "bob")])
    made, emptied, unusable = topic.partitions[0]
    assert whole(taken([made, unusable, emptied], topic, 1)).records == {}


def test_nor_when_a_crash_repeats_the_truncate_and_kafka_compacts_up_to_that() -> None:
    topic = stream([("good", 1, "ann"), ("truncate", 1, ""), ("bad", 1, "bob")])
    made, emptied, unusable = topic.partitions[0]
    log = taken([made, emptied, unusable, emptied, unusable], topic, 1)
    assert whole(compacted(log, [len(part) - 1 for part in log])).records == {}


STEPS = st.tuples(
    st.sampled_from(["good", "good", "long", "bad", "bad", "delete", "nobody", "truncate"]),
    st.sampled_from(KEYS),
    st.sampled_from(["ann", "bob"]),
)


@st.composite
def read(draw: st.DrawFn) -> tuple[RawTopic, list[RawEvent]]:
    """A raw topic of two partitions, and its messages as workers read them: each partition in its order, but back, as
    after a crash, to what was read before."""
    topic = stream(draw(st.lists(STEPS, min_size=1, max_size=15)), raw_partitions=2)
    following, raws = [0, 0], list[RawEvent]()
    for _ in range(draw(st.integers(0, 5))):
        number = draw(st.integers(0, 1))
        stop = draw(st.integers(following[number], len(topic.partitions[number])))
        raws += topic.partitions[number][following[number] : stop]
        following[number] = draw(st.sampled_from([stop, draw(st.integers(0, stop))]))
    for number in draw(st.permutations([0, 1])):
        raws += topic.partitions[number][following[number] :]
    return topic, raws


def batches(data: st.DataObject, log: Log) -> list[list[Message]]:
    """The messages in batches, each partition's in their order."""
    turns = data.draw(st.permutations([p for p, part in enumerate(log) for _ in part]))
    ahead = [iter(part) for part in log]
    messages = [next(ahead[partition]) for partition in turns]
    sizes = data.draw(st.lists(st.integers(1, 6), max_size=10))
    borders = [0, *accumulate(sizes), len(messages)]
    return [messages[start:end] for start, end in pairwise(borders)]


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(read(), st.data())
def test_whatever_happened_and_however_much_kafka_has_compacted_the_rebuilt_index_is_the_same(
    history: tuple[RawTopic, list[RawEvent]], data: st.DataObject
) -> None:
    topic, raws = history
    log = taken(raws, topic, PARTITIONS)
    kept = compacted(log, [data.draw(st.integers(0, len(part))) for part in log])
    live, rebuilt = indexed(batches(data, log)), indexed(batches(data, kept))
    assert rebuilt.records == live.records
    assert content(rebuilt) == content(live)
    table = table_id("helpdesk", TABLE)
    assert rebuilt.tombstones.get(table) == live.tombstones.get(table)


def test_a_label_that_is_kept_before_its_content_after_a_crash_finds_it_when_it_comes() -> None:
    topic = stream([("good", 1, "ann"), ("good", 1, "ann"), ("bad", 1, "bob")])
    made, edited, unusable = topic.partitions[0]
    log = taken([made, edited, unusable, edited, unusable], topic, 1)
    kept = compacted(log, [len(part) - 1 for part in log])
    assert content(whole(kept)) == content(whole(log))
    assert [row.text for row in content(whole(kept))[NAMES[0]].rows] == ["text 2"]


def test_and_content_that_was_deleted_or_emptied_in_between_does_not_come_back_with_it() -> None:
    for gone in ("delete", "truncate"):
        topic = stream([("good", 1, "ann"), (gone, 1, ""), ("bad", 1, "bob")])
        log = taken([*topic.partitions[0], *topic.partitions[0]], topic, 1)
        for clean in range(len(log[0]) + 1):
            kept = compacted(log, [clean for _ in log])
            assert whole(kept).records == {}, (gone, clean)
