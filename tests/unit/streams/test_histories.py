"""Whatever happens to a table, and however its raw topic is delivered, the index ends as the table did.

A model of PostgreSQL and Debezium makes the raw topic: two transactions at a time, whose changes are streamed when they
commit; rows locked by their writer; chunks of an incremental snapshot, without the rows that changed while they were
read; unchanged TOAST columns; a connector that starts again and repeats what it sent.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stream_stage import RawTopic

from index.hash_embedder import HashEmbedder
from index.memory import MemoryStore
from query.principal import Principal
from query.relations import RelationGraph
from schemas.change import Change, table_of
from schemas.contract import Contract
from schemas.dead_letter import DeadLetter
from schemas.label import Label, LabelId
from schemas.position import NOWHERE, Position
from schemas.relation import Grant
from schemas.template import PLACEHOLDER
from schemas.topics import CHANGES, DEAD_LETTERS, RELATIONS
from streams.decode import RawEvent
from streams.indexing import Indexer
from streams.intake import tables_by_topic
from streams.past import OLD_KEY
from streams.send import Message
from streams.taking import Taking

TOPIC, RAW_PARTITIONS, CHANGE_PARTITIONS = "helpdesk.s.notes", 2, 2
CONTRACT = Contract.model_validate(
    {
        "source": "helpdesk",
        "connector": {"plugin": "postgres", "config": "helpdesk.debezium.json"},
        "tables": {
            "s.notes": {
                "key": ["id"],
                "title": "{subject}",
                "text": "{body}",
                "permissions": {"tenant": "acme", "readers": ["user:{owner}"]},
                "relation": {"tenant": "acme", "object": "note:{id}", "relation": "owner", "subject": "user:{owner}"},
            }
        },
    }
)
TABLES = tables_by_topic([CONTRACT])
OWNERS, LARGE = ("ann", "bob"), ("subject", "body")
Row = dict[str, Any]


@dataclass
class Transaction:
    """Its view of the rows it changed (None = gone), and the messages it will become."""

    rows: dict[int, Row | None] = field(default_factory=dict)
    emptied: bool = False
    messages: list["Sent"] = field(default_factory=list)


@dataclass
class Sent:
    """A message as the connector sends it, each time it does. Without a key it goes to any partition."""

    key: int | None
    value: dict[str, Any] | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int = 0


class Source:
    """The table, its log and its connector."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.raw = RawTopic(TOPIC, RAW_PARTITIONS)
        self.repeated = False
        self._emptied = False
        self._open = (Transaction(), Transaction())
        self._lsn = 1000
        self._committed: int | None = None
        self._streamed: list[Sent] = []
        self._chunk: dict[int, Row] = {}
        self._words = (f"text {number}" for number in count())

    def put(self, slot: int, key: int, owner: str | None, columns: str) -> None:
        """Insert a row, or change its owner and the named columns; those of LARGE left alone are not sent."""
        if (old := self._row(slot, key)) is False:
            return
        if old is None:
            row = {"id": key, "owner": owner, "subject": next(self._words), "body": next(self._words)}
            self._change(slot, key, "c", row, row)
            return
        row = {**old, "owner": owner, **{column: next(self._words) for column in LARGE if column in columns}}
        sent = {name: PLACEHOLDER if name in LARGE and name not in columns else row[name] for name in row}
        self._change(slot, key, "u", row, sent)

    def delete(self, slot: int, key: int) -> None:
        if self._row(slot, key):
            self._change(slot, key, "d", None, None)

    def rename(self, slot: int, key: int, new: int) -> None:
        """Change a row's key: Debezium tells it as a delete and an insert of one LSN, and sends no other column."""
        old = self._row(slot, key)
        if old and self._row(slot, new) is None:
            self._change(slot, key, "d", None, None)
            self._lsn -= 1
            row = {**old, "id": new}
            self._change(slot, new, "c", row, {**row, **dict.fromkeys(LARGE, PLACEHOLDER)})
            self._open[slot].messages[-1].headers = ((OLD_KEY, orjson.dumps({"id": key})),)

    def truncate(self, slot: int) -> None:
        mine, other = self._open[slot], self._open[1 - slot]
        if not other.rows and not other.emptied:
            mine.rows, mine.emptied = dict.fromkeys(self.rows), True
            self._say(slot, None, "t", None)
            self._emptied = True

    def commit(self, slot: int, partition: int) -> None:
        """Stream a transaction; what has no key (a truncate) goes to that partition."""
        mine, sequence = self._open[slot], self._committed
        for order, message in enumerate(mine.messages, 1):
            message.partition = partition
            if message.value is not None:
                pair = [sequence and str(sequence), str(self._lsn)]
                message.value["source"]["sequence"] = orjson.dumps(pair).decode()
                message.value["transaction"] = {"total_order": order}
            self._streamed.append(message)
            self._send(message)
        for key, row in mine.rows.items():
            self._chunk.pop(key, None)
            self.rows.pop(key, None)
            if row is not None:
                self.rows[key] = row
        self._committed = self._lsn = self._lsn + 1
        self._open = (Transaction(), self._open[1]) if slot == 0 else (self._open[0], Transaction())

    def begin_chunk(self) -> None:
        """Read what is committed; it is sent later, without the rows that change until then."""
        self._chunk = dict(self.rows)

    def end_chunk(self) -> None:
        for key, row in self._chunk.items():
            self._send(Sent(key, _envelope("r", row, None)))
        self._chunk = {}

    def lose(self, key: int, owner: str) -> None:
        """The connector lost its place: a change is never streamed, and all rows are read anew. (One that followed a
        truncate of which their partition knows nothing would be taken for older: that needs a repair.)"""
        if not self._emptied and not any(transaction.messages for transaction in self._open):
            self.rows[key] = {"id": key, "owner": owner, "subject": next(self._words), "body": next(self._words)}
            self._committed, self._streamed = None, []
            self.begin_chunk()
            self.end_chunk()

    def restart(self, repeated: int) -> None:
        """The connector starts again a little back in the log; its chunk is lost."""
        self._chunk = {}
        self.repeated = self.repeated or bool(repeated)
        for message in self._streamed[max(0, len(self._streamed) - repeated) :]:
            self._send(message)

    def _row(self, slot: int, key: int) -> Row | bool | None:
        """A row as this transaction sees it; False where another holds it."""
        mine, other = self._open[slot], self._open[1 - slot]
        if key in other.rows or other.emptied:
            return False
        return mine.rows[key] if key in mine.rows else None if mine.emptied else self.rows.get(key)

    def _change(self, slot: int, key: int, op: str, row: Row | None, sent: Row | None) -> None:
        self._open[slot].rows[key] = row
        self._say(slot, key, op, sent)
        if op == "d":
            self._open[slot].messages.append(Sent(key, None))

    def _say(self, slot: int, key: int | None, op: str, sent: Row | None) -> None:
        self._lsn += 1
        self._open[slot].messages.append(Sent(key, _envelope(op, sent, self._lsn)))

    def _send(self, message: Sent) -> None:
        partition = message.partition if message.key is None else message.key % RAW_PARTITIONS
        key = None if message.key is None else {"id": message.key}
        self.raw.append(key, message.value, partition, message.headers)


def _envelope(op: str, row: Row | None, lsn: int | None) -> dict[str, Any]:
    source = {"connector": "postgresql", "schema": "s", "table": "notes", "lsn": lsn, "ts_ms": 1_795_400_764_444}
    return {"op": op, "before": None, "after": row, "source": source, "transaction": None}


class World:
    """Everything between the raw topic and who reads: workers come and go, what Kafka and the index hold stays."""

    def __init__(self, raw: RawTopic) -> None:
        self.store, self.graph = MemoryStore(), RelationGraph()
        self.changes: list[list[Change]] = [[] for _ in range(CHANGE_PARTITIONS)]
        self.letters: list[DeadLetter] = []
        self._raw = raw
        self._applied: dict[str, Position] = {}
        self.restart()

    def restart(self) -> None:
        self._taking = Taking(TABLES, self._raw, 1000, CHANGE_PARTITIONS)
        self._indexer = Indexer(self.store, HashEmbedder(dimension=8))

    async def take(self, raws: Sequence[RawEvent]) -> None:
        await self._taking.take(raws, self._send)

    def index(self, changes: Sequence[Change]) -> None:
        self._indexer.apply(changes)
        for change in changes:
            self._applied[change.record_id] = max(change.position, self._applied.get(change.record_id, NOWHERE))
        self._look()

    async def _send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.topic == CHANGES:
                assert message.partition is not None
                self.changes[message.partition].append(Change.model_validate_json(message.value))
            elif message.topic == RELATIONS:
                self.graph.apply(Grant.model_validate_json(message.value))
            elif message.topic == DEAD_LETTERS:
                self.letters.append(DeadLetter.model_validate_json(message.value))

    def _look(self) -> None:
        """A reader between two batches: what it sees of a record is the newest version that was ever applied.

        So no record goes back, and none comes back that a delete or a truncate took away.
        """
        for name, rows in self.store.records.items():
            newest = max(self._applied.get(place, NOWHERE) for place in (name, table_of(name)))
            assert {row.position for row in rows} == {newest}, f"{name} went or came back"

    def shown(self) -> dict[str, tuple[str, str, int]]:
        return {name: (rows[0].title, rows[0].text, rows[0].label) for name, rows in self.store.records.items()}

    def owned(self) -> dict[str, set[str]]:
        reached = {owner: self.graph.reach(Principal(owner, "acme")).came_from for owner in OWNERS}
        return {owner: {name for name in names if name.startswith("note:")} for owner, names in reached.items()}


def seen_by(owner: str) -> LabelId:
    return Label(tenant="acme", readers=(f"user:{owner}",)).id


def told(rows: dict[int, Row]) -> dict[str, tuple[str, str, int]]:
    """What the index must show of a table: a row that nobody may read is not there."""
    return {
        f"helpdesk/s.notes/{key}": (row["subject"], row["body"], seen_by(row["owner"]))
        for key, row in rows.items()
        if row["owner"] is not None
    }


SLOTS, KEYS, PARTITIONS = st.integers(0, 1), st.integers(1, 3), st.integers(0, RAW_PARTITIONS - 1)
CHANGED = st.sampled_from(["", "subject", "body", "subject body"])
PUTS = st.tuples(st.just("put"), SLOTS, KEYS, st.sampled_from([*OWNERS, None]), CHANGED)
STEPS = st.one_of(
    PUTS,
    PUTS,
    st.tuples(st.just("commit"), SLOTS, PARTITIONS),
    st.tuples(st.just("commit"), SLOTS, PARTITIONS),
    st.tuples(st.just("delete"), SLOTS, KEYS),
    st.tuples(st.just("rename"), SLOTS, KEYS, KEYS),
    st.tuples(st.just("truncate"), SLOTS),
    st.tuples(st.just("begin_chunk")),
    st.tuples(st.just("end_chunk")),
    st.tuples(st.just("restart"), st.integers(0, 6)),
    st.tuples(st.just("lose"), KEYS, st.sampled_from(OWNERS)),
)


@st.composite
def histories(draw: st.DrawFn) -> Source:
    source = Source()
    for name, *arguments in draw(st.lists(STEPS, min_size=5, max_size=30)):
        getattr(source, name)(*arguments)
    for slot in (0, 1):
        source.commit(slot, draw(PARTITIONS))
    return source


def deliveries(data: st.DataObject, sizes: Sequence[int]) -> Iterator[tuple[list[tuple[int, int]], bool]]:
    """Batches of (partition, offset), and whether a new worker takes each.

    Order is kept within a partition, all of it is delivered; but at each batch a partition may go back to any offset
    that was read already, as after a crash or a rebalance.
    """
    following, fuel = [0] * len(sizes), 12
    while any(at < size for at, size in zip(following, sizes, strict=True)):
        fuel -= 1
        if fuel > 0 and data.draw(st.booleans()):
            number = data.draw(st.integers(0, len(sizes) - 1))
            following[number] = data.draw(st.integers(0, following[number]))
        counts = [data.draw(st.integers(0, 5)) if fuel > 0 else size for size in sizes]
        batch: list[tuple[int, int]] = []
        for number in data.draw(st.permutations(range(len(sizes)))):
            stop = min(sizes[number], following[number] + counts[number])
            batch += [(number, offset) for offset in range(following[number], stop)]
            following[number] = stop
        yield batch, data.draw(st.booleans())


async def deliver(source: Source, data: st.DataObject) -> World:
    world = World(source.raw)
    for batch, new_worker in deliveries(data, [len(messages) for messages in source.raw.partitions]):
        if new_worker:
            world.restart()
        await world.take([source.raw.partitions[number][offset] for number, offset in batch])
    for batch, new_worker in deliveries(data, [len(changes) for changes in world.changes]):
        if new_worker:
            world.restart()
        world.index([world.changes[number][offset] for number, offset in batch])
    return world


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(histories(), st.data())
def test_the_index_ends_as_the_table_did_and_never_goes_back_on_the_way(source: Source, data: st.DataObject) -> None:
    world = asyncio.run(deliver(source, data))
    assert world.shown() == told(source.rows)
    assert world.owned() == {
        owner: {f"note:{key}#owner" for key, row in source.rows.items() if row["owner"] == owner} for owner in OWNERS
    }
    if not source.repeated:
        assert {letter.reason for letter in world.letters} <= {"no_permission"}


def test_a_change_from_before_a_snapshot_that_was_committed_after_it_is_newer_than_what_the_snapshot_read() -> None:
    source = Source()
    source.put(0, 1, "ann", "")
    source.commit(0, 0)
    source.put(0, 1, "bob", "body")  # a lower LSN than all that follows, and streamed after it
    source.put(1, 3, "ann", "")
    source.commit(1, 0)
    source.begin_chunk()
    source.end_chunk()
    source.commit(0, 0)
    world = World(source.raw)
    for messages in source.raw.partitions:
        asyncio.run(world.take(messages))
    for changes in world.changes:
        world.index(changes)
    assert world.shown() == told(source.rows)
