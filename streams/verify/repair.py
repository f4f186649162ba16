"""Heals differences through the topics, never in the index itself: so a rebuild gives the same.

A row that exists is locked, read and published as it is, at the end of the source's log: see `TableRows.locked`. The
lock is kept until Kafka has acknowledged: so a later change of the row cannot come before the repair in its topic,
where compaction keeps only the last. A record that is no row is deleted at the very position at which it stands: equal
positions apply, and a row that comes later has a higher one. It cannot be locked, so its key is looked up once more
after that, and a row that came in between is published in turn.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import orjson
from pydantic import BaseModel

from index.store import ChunkAudit, Held, Mark
from schemas.change import Change, Origin
from schemas.label import LabelDefinition
from schemas.position import Position
from schemas.relation import Grant
from schemas.topics import CHANGES, LABELS, RELATIONS, Topic, raw_topic
from streams.partition import partition_of
from streams.verify.check import Checked, Suspects, without_row
from streams.verify.compare import Finding
from streams.verify.following import Following
from streams.verify.rows import DbRow

LOCKED = 50
"""Rows locked at once, for as long as Kafka takes to acknowledge them."""


class Writer(Protocol):
    """See `connectors.kafka_writer.KafkaWriter`."""

    def write(self, place: tuple[str, int], key: bytes | None, value: bytes | None) -> None: ...

    def acknowledged(self) -> list[int]: ...


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a record. Its grant may be right while the index is not, and the other way round."""

    name: str
    table: str
    key: tuple[str, ...] | None
    of: set[bool] = field(default_factory=set)

    @property
    def grant(self) -> bool:
        return True in self.of

    @property
    def content(self) -> bool:
        return False in self.of


@dataclass(frozen=True, slots=True)
class Repair:
    """`partitions`: those of freshline.changes. `end`: the end of the source's log now. `beat` commits something that
    the connector streams."""

    store: ChunkAudit
    following: Following
    writer: Writer
    partitions: int
    end: Callable[[], Position]
    beat: Callable[[], None]
    now_ms: Callable[[], int]

    def heal(self, table: Checked | None, findings: Iterable[Finding], suspects: Suspects) -> None:
        """Publish what is right; returns when Kafka has it. A row that somebody changes just now is left as it is."""
        wrong: dict[str, Wrong] = {}
        for finding in findings:
            if finding.kind != "ahead":
                known = Wrong(finding.record_id, finding.table, suspects[finding.record_id])
                wrong.setdefault(finding.record_id, known).of.add(finding.of_grant)
        absent = without_row(table, {name: one.key for name, one in wrong.items()})
        self._rows(table, [one for name, one in wrong.items() if name not in absent])
        self._absent([wrong[name] for name in absent])
        still = without_row(table, absent)
        self._rows(table, [wrong[name] for name in absent if name not in still])

    def _rows(self, table: Checked | None, wrong: Sequence[Wrong]) -> None:
        for start in range(0, len(wrong) if table else 0, LOCKED):
            assert table is not None
            batch = {one.name: one for one in wrong[start : start + LOCKED]}
            held = self.store.held(list(batch))
            keys = [one.key for one in batch.values() if one.key is not None]
            with table.rows.locked(keys, self.beat) as (rows, position):
                for row in rows:
                    one = batch.get(table.expecting.name_of(row))
                    if one is not None:
                        self._row(table, row, one, held[one.name], position)
                self.writer.acknowledged()

    def _row(self, table: Checked, row: DbRow, wrong: Wrong, held: Held, position: Position) -> None:
        commit_ms = row.commit_ms or (held.rows[0].commit_ms if held.rows else self.now_ms())
        expected = table.expecting.of(row, commit_ms)
        grant = self.following.grant(wrong.name)
        if expected.label is not None:
            self._send(LABELS, str(expected.label.id), LabelDefinition.of(expected.label))
        if wrong.content and expected.change is not None:
            place = max(position, held.position)
            self._change(expected.change.model_copy(update={"position": place, "fresh": True}))
        if wrong.grant and expected.grant is not None:
            place = max(position, grant.position) if grant is not None else position
            self._send(RELATIONS, wrong.name, expected.grant.model_copy(update={"position": place}))

    def _absent(self, wrong: Sequence[Wrong]) -> None:
        names, now_ms, end = [one.name for one in wrong], self.now_ms(), self.end()
        held, strays = self.store.held(names), self.store.strays(names)
        for one in wrong:
            found, grant = held[one.name], self.following.grant(one.name)
            if one.content:
                self._change(_deletion(one, found, strays.get(one.name, ()), end, now_ms))
            if one.grant and grant is not None:
                nothing = Grant(record_id=one.name, position=grant.position, commit_ms=now_ms)
                self._send(RELATIONS, one.name, nothing)
        self.writer.acknowledged()

    def _change(self, change: Change) -> None:
        self._send(CHANGES, change.record_id, change, partition_of(change.record_id, self.partitions))

    def _send(self, topic: Topic, key: str, model: BaseModel, partition: int = 0) -> None:
        self.writer.write((topic, partition), key.encode(), model.model_dump_json().encode())


def _deletion(wrong: Wrong, held: Held, strays: Sequence[Mark], end: Position, now_ms: int) -> Change:
    """A delete at the position of what there is. Of chunks without a head: at theirs, but not beyond the log's end."""
    source = wrong.name.partition("/")[0]
    position = held.position or min(max((mark.position for mark in strays), default=end), end)
    key = held.rows[0].key if held.rows else strays[0].key if strays else "{}"
    return Change(
        op="delete",
        record_id=wrong.name,
        source=source,
        table=wrong.table,
        key=_object(key),
        position=position,
        commit_ms=now_ms,
        event_ms=now_ms,
        origin=Origin(topic=raw_topic(source, wrong.table), partition=-1, offset=-1),
        fresh=True,
    )


def _object(text: str) -> dict[str, object]:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
