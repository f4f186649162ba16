"""Progress: up to which commit time each source is searchable, from beats and the offsets of the consumer group.

A beat is a logical message that the connector's heartbeat query writes into the source's own log; Debezium sends it
after everything committed before it. When Kafka has acknowledged all of that, intake has committed past all that the
raw topics held then, and indexing past all that `freshline.changes` held after that, everything committed before the
beat is in the index or in the dead-letter topic. Committed offsets speak for all workers and for idle partitions alike.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from schemas.progress import Beat, Progress
from schemas.topics import CHANGES, LABELS, PROGRESS, RELATIONS
from streams.send import Message, Send

Offsets = Mapping[tuple[str, int], int]


class OffsetReader(Protocol):
    """Blocking questions to Kafka; raise Unavailable when it is away."""

    def begin_offsets(self, topics: Sequence[str]) -> Offsets: ...

    def end_offsets(self, topics: Sequence[str]) -> Offsets: ...

    def committed(self, topics: Sequence[str]) -> Offsets: ...


class Tracker:
    """Holds the newest beat of each source and follows one at a time to the index.

    `acknowledged` says whether everything sent before a beat is in Kafka: a beat may be readable earlier than that.
    `raw_topics` are a source's, without those of its `stopped` tables, which are not waited for but named.
    """

    def __init__(
        self,
        offsets: OffsetReader,
        raw_topics: Mapping[str, Sequence[str]],
        acknowledged: Callable[[Beat], bool],
        poll: float,
        stopped: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._offsets = offsets
        self._raw_topics = raw_topics
        self._acknowledged = acknowledged
        self._poll = poll
        self._stopped = stopped
        self._newest: dict[str, Beat] = {}
        self._news = {source: asyncio.Event() for source in raw_topics}

    def note(self, beat: Beat) -> None:
        known = self._newest.get(beat.source)
        if known is None or beat.position > known.position:
            self._newest[beat.source] = beat
            self._news[beat.source].set()

    async def follow(self, source: str, send: Send, now_ms: Callable[[], int]) -> None:
        """Wait for a beat, follow it to the index, publish the source's progress."""
        await self._news[source].wait()
        self._news[source].clear()
        beat = self._newest[source]
        while not await asyncio.to_thread(self._acknowledged, beat):
            await asyncio.sleep(self._poll)
        await self._passed(self._raw_topics[source])
        grants = await asyncio.to_thread(self._offsets.end_offsets, [LABELS, RELATIONS])
        await self._passed([CHANGES])
        progress = Progress(
            source=source,
            watermark_ms=beat.commit_ms,
            position=beat.position,
            measured_ms=now_ms(),
            grants=_by_topic(grants),
            stopped=tuple(self._stopped.get(source, ())),
        )
        await send([Message.of(PROGRESS, source, progress)])

    async def _passed(self, topics: Sequence[str]) -> None:
        """Return when the group has committed all that these topics hold now."""
        ends = await asyncio.to_thread(self._offsets.end_offsets, topics)
        begins = await asyncio.to_thread(self._offsets.begin_offsets, topics)
        while not reached(begins, ends, await asyncio.to_thread(self._offsets.committed, topics)):
            await asyncio.sleep(self._poll)


def _by_topic(offsets: Offsets) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {LABELS: {}, RELATIONS: {}}
    for (topic, partition), offset in offsets.items():
        found[topic][partition] = offset
    return found


def reached(begins: Offsets, ends: Offsets, committed: Offsets) -> bool:
    """Whether every partition is committed to its end. One that holds no message has nothing to wait for."""
    return all(committed.get(partition, -1) >= end for partition, end in ends.items() if end > begins.get(partition, 0))
