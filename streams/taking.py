"""Intake of batches, with its effects: look up the past where an event needs it, send what the pure stage gives."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from schemas.change import RELABEL, Change
from schemas.label import LabelDefinition, LabelId
from schemas.position import Position
from schemas.table_state import TableState, fingerprint
from schemas.topics import CHANGES, LABELS, RELATIONS, TABLES
from streams.batches import TableStopped, now_ms
from streams.dead_letters import dead_message
from streams.decode import RawEvent, UnknownPast
from streams.intake import Table, Taken, take
from streams.limits import Limits
from streams.partition import partition_of
from streams.past import Past, RawReader, streamed_before, values_before
from streams.positions import Positions
from streams.send import Message, Send

LABELS_REMEMBERED = 100_000
"""Labels that need not be told of again, at most; a company has millions. To tell again changes nothing."""


class Taking:
    """`partitions` is the number of partitions of freshline.changes: each gets a truncate."""

    def __init__(self, tables: Mapping[str, Table], raw: RawReader, max_text_bytes: int, partitions: int) -> None:
        self.raw_topics = tuple(tables)
        self._tables = tables
        self._raw = raw
        self._max_text_bytes = max_text_bytes
        self._partitions = partitions
        self._positions = Positions()
        self._limits = Limits()
        self._known_labels: set[LabelId] = set()

    async def take(self, raws: Sequence[RawEvent], send: Send) -> None:
        """Send what a batch becomes. Returns when Kafka has acknowledged all of it.

        Raises TableStopped, having sent nothing but the table's state, when one of its tables must stop.
        """
        taken = [await self._take(raw) for raw in raws]
        limits = self._limits.copy()  # a batch counts once, however often it must be sent
        for raw, result in zip(raws, taken, strict=True):
            reason = None if raw.redriven else limits.exceeded(raw.origin.topic, result.rejected)
            if reason is not None and raw.origin.topic in self._tables:
                await self._stop(raw, reason, send)
        named = ((t.change.label, t.label) for t in taken if t.change and t.change.label and t.label)
        labels = {name: label for name, label in named if name not in self._known_labels}
        messages = [Message.of(LABELS, str(i), LabelDefinition(id=i, label=label)) for i, label in labels.items()]
        for raw, result in zip(raws, taken, strict=True):
            messages += self._messages(raw, result)
        await send(messages)
        self._limits = limits
        self._known_labels |= labels.keys()
        if len(self._known_labels) > LABELS_REMEMBERED:
            self._known_labels = {*labels}

    async def _take(self, raw: RawEvent) -> Taken:
        before = self._positions.before(raw.origin)
        past = Past(None if raw.redriven else before)
        result = take(raw, self._tables, self._max_text_bytes, past)
        if isinstance(result.rejected, UnknownPast):
            past = replace(past, position=await asyncio.to_thread(self._position_before, raw))
            result = take(raw, self._tables, self._max_text_bytes, past)
        if result.rejected is not None and result.rejected.reason == "placeholder_value":
            past = replace(past, values=await asyncio.to_thread(self._values_before, raw))
            result = take(raw, self._tables, self._max_text_bytes, past)
        streamed = (before, None) if raw.redriven else (past.position, result.streamed)
        self._positions.note(raw.origin, *streamed)
        return result

    def _position_before(self, raw: RawEvent) -> Position:
        return streamed_before(self._raw.before(raw.first))

    def _values_before(self, raw: RawEvent) -> dict[str, Any]:
        return values_before(raw, self._raw)

    def _messages(self, raw: RawEvent, taken: Taken) -> Iterable[Message]:
        change, grant = taken.change, taken.grant
        if change is not None:
            yield from self._changes(change)
        if grant is not None:
            yield Message.of(RELATIONS, grant.record_id, grant)
        if taken.rejected is not None:
            table = self._tables.get(raw.origin.topic)
            yield dead_message(raw, taken.rejected, table.source if table else "", table.name if table else "")

    def _changes(self, change: Change) -> Iterator[Message]:
        """The messages of a change. A relabel has a key of its own, or compaction would keep it alone, but its record's
        partition; a truncate goes to every partition."""
        key = change.record_id + (RELABEL if change.op == "relabel" else "")
        message = Message.of(CHANGES, key, change)
        own = partition_of(change.record_id, self._partitions)
        for number in range(self._partitions) if change.op == "truncate" else (own,):
            yield replace(message, partition=number)

    async def _stop(self, raw: RawEvent, reason: str, send: Send) -> None:
        table = self._tables[raw.origin.topic]
        state = TableState(
            topic=raw.origin.topic,
            source=table.source,
            table=table.name,
            state="stopped",
            at_ms=now_ms(),
            contract=fingerprint(table.contract),
            reason=reason,
            origin=raw.origin,
        )
        await send([Message.of(TABLES, raw.origin.topic, state)])
        raise TableStopped(f"{table.source} {table.name} stops: {reason}")
