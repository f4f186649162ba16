"""The job's steps with their effects: run the pure stages over a batch, send what they give, wait until it is safe."""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from pydantic import ValidationError

from schemas.change import Change
from schemas.errors import Rejected
from streams.batches import now_ms
from streams.dead_letters import dead_message
from streams.decode import RawEvent, decode_beat
from streams.live_indexer import Applier
from streams.progress import Tracker
from streams.send import Message, Send
from streams.taking import Taking
from streams.updates import update_messages

log = logging.getLogger(__name__)


class Job:
    """One worker's work. `send` returns when Kafka has acknowledged every message. `beats`: topic -> source."""

    def __init__(self, beats: Mapping[str, str], taking: Taking, indexer: Applier, tracker: Tracker) -> None:
        self.beats = beats
        self.raw_topics = taking.raw_topics
        self.take = taking.take
        self._indexer = indexer
        self._tracker = tracker
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="indexing")
        self._foreseeing = ThreadPoolExecutor(max_workers=2, thread_name_prefix="foreseeing")

    async def foresee(self, raws: Sequence[RawEvent]) -> None:
        """Have the texts of a batch embedded while those before it are written. Nothing of it counts as done."""
        changes = [change for _, change in _parsed(raws)[0]]
        try:
            await asyncio.get_running_loop().run_in_executor(self._foreseeing, self._indexer.foresee, changes)
        except Exception:  # whatever it is, `index` meets it again, and there it counts
            log.warning("a batch could not be embedded ahead", exc_info=True)

    async def index(self, raws: Sequence[RawEvent], send: Send) -> None:
        """Indexing of a batch: returns when Milvus has acknowledged it, and Kafka its dead letters and updates."""
        started, begun_ms = time.monotonic(), now_ms()
        parsed, letters = _parsed(raws)
        changes = [change for _, change in parsed]
        done = await asyncio.get_running_loop().run_in_executor(self._thread, self._indexer.apply, changes)
        reasons = {id(change): rejected for change, rejected in done.rejected}
        for raw, change in parsed:
            if id(change) in reasons:
                letters.append(dead_message(raw, reasons[id(change)], change.source, change.table))
        await send([*letters, *update_messages(done.updates, begun_ms, done.embedded_ms)])
        log.info(
            "indexed %d (embedded %d, outdated %d, rejected %d) in %.0f ms, %d of them until it was embedded",
            *(done.written, done.embedded, done.outdated, len(letters), (time.monotonic() - started) * 1000),
            (done.embedded_ms or begun_ms) - begun_ms,
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


def _parsed(raws: Sequence[RawEvent]) -> tuple[list[tuple[RawEvent, Change]], list[Message]]:
    """The changes of a batch beside what they were read from, and dead letters for what is no change."""
    changes, letters = [], []
    for raw in raws:
        try:
            changes.append((raw, Change.model_validate_json(raw.value or b"")))
        except ValidationError as error:
            rejected = Rejected("malformed_event", f"not a change of ours: {error.errors()[0]['msg']}")
            letters.append(dead_message(raw, rejected, "", ""))
    return changes, letters
