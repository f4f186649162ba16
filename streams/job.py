"""The job's steps with their effects: run the pure stages over a batch, send what they give, wait until it is safe."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pydantic import ValidationError

from schemas.change import Change
from schemas.contract import Contract
from schemas.errors import Rejected
from schemas.label import LabelDefinition, LabelId
from schemas.topics import CHANGES, DEAD_LETTERS, LABELS, RELATIONS
from streams.batches import now_ms
from streams.dead_letters import dead_letter
from streams.decode import RawEvent, decode_beat
from streams.indexing import Indexer
from streams.intake import Taken, tables_by_topic, take
from streams.progress import Tracker
from streams.send import Message, Send

log = logging.getLogger(__name__)


class Job:
    """One worker's work. `send` returns when Kafka has acknowledged every message."""

    def __init__(self, contracts: Sequence[Contract], indexer: Indexer, tracker: Tracker, max_text_bytes: int) -> None:
        self.tables = tables_by_topic(contracts)
        self.beats = {contract.beat_topic: contract.source for contract in contracts}
        self._indexer = indexer
        self._tracker = tracker
        self._max_text_bytes = max_text_bytes
        self._known_labels: set[LabelId] = set()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="indexing")

    async def take(self, raws: Sequence[RawEvent], send: Send) -> None:
        """Intake of a batch: changes, labels and grants out; what is rejected to the dead letters."""
        taken = [take(raw, self.tables, self._max_text_bytes) for raw in raws]
        labels = {t.label.id: t.label for t in taken if t.label and t.label.id not in self._known_labels}
        messages = [Message.of(LABELS, str(i), LabelDefinition(id=i, label=label)) for i, label in labels.items()]
        for raw, result in zip(raws, taken, strict=True):
            messages += self._messages(raw, result)
        await send(messages)
        self._known_labels |= labels.keys()

    async def index(self, raws: Sequence[RawEvent], send: Send) -> None:
        """Indexing of a batch: returns when Milvus has acknowledged it and its dead letters are in Kafka."""
        started = time.monotonic()
        parsed, letters = _parsed(raws)
        changes = [change for _, change in parsed]
        done = await asyncio.get_running_loop().run_in_executor(self._thread, self._indexer.apply, changes)
        reasons = {id(change): rejected for change, rejected in done.rejected}
        for raw, change in parsed:
            if id(change) in reasons:
                letters.append(_dead(raw, reasons[id(change)], change.source, change.table))
        await send(letters)
        log.info(
            "indexed %d (embedded %d, outdated %d, rejected %d) in %.0f ms",
            *(done.written, done.embedded, done.outdated, len(letters), (time.monotonic() - started) * 1000),
        )

    def note_beats(self, raws: Iterable[RawEvent]) -> None:
        """Tell the tracker of the heartbeats in a batch; anything else on their topics is not ours."""
        for raw in raws:
            try:
                beat = decode_beat(raw, self.beats[raw.origin.topic])
            except Rejected as rejected:
                log.warning("a heartbeat on %s cannot be read: %s", raw.origin.topic, rejected)
                continue
            if beat is not None:
                self._tracker.note(beat)

    def _messages(self, raw: RawEvent, taken: Taken) -> Iterable[Message]:
        if taken.change is not None:
            yield Message.of(CHANGES, taken.change.record_id, taken.change)
        if taken.grant is not None:
            yield Message.of(RELATIONS, taken.grant.record_id, taken.grant)
        if taken.rejected is not None:
            table = self.tables.get(raw.origin.topic)
            yield _dead(raw, taken.rejected, table.source if table else "", table.name if table else "")


def _parsed(raws: Sequence[RawEvent]) -> tuple[list[tuple[RawEvent, Change]], list[Message]]:
    """The changes of a batch beside what they were read from, and dead letters for what is no change."""
    changes, letters = [], []
    for raw in raws:
        try:
            changes.append((raw, Change.model_validate_json(raw.value or b"")))
        except ValidationError as error:
            rejected = Rejected("malformed_event", f"not a change of ours: {error.errors()[0]['msg']}")
            letters.append(_dead(raw, rejected, "", ""))
    return changes, letters


def _dead(raw: RawEvent, rejected: Rejected, source: str, table: str) -> Message:
    origin = raw.origin
    log.warning(
        "dead letter: %s [%d] %d: %s: %s",
        origin.topic,
        origin.partition,
        origin.offset,
        rejected.reason,
        rejected,
    )
    letter = dead_letter(raw, rejected, now_ms(), source, table)
    return Message.of(DEAD_LETTERS, f"{origin.topic}/{origin.partition}/{origin.offset}", letter)
