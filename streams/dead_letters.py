"""Dead letters: what is kept of an event that cannot be applied."""

import logging

from schemas.dead_letter import DeadLetter
from schemas.errors import Rejected
from schemas.topics import DEAD_LETTERS, LARGEST_KEPT
from streams.batches import now_ms
from streams.decode import RawEvent
from streams.send import Message

log = logging.getLogger(__name__)


def dead_letter(raw: RawEvent, rejected: Rejected, at_ms: int, source: str, table: str) -> DeadLetter:
    """The original bytes with their place and the reason. Source and table are empty where unknown."""
    too_large = raw.value is not None and len(raw.value) > LARGEST_KEPT
    return DeadLetter(
        origin=raw.origin,
        reason=rejected.reason,
        message=str(rejected),
        at_ms=at_ms,
        source=source,
        table=table,
        key=raw.key,
        value=None if too_large else raw.value,
        left_out=too_large,
        headers=raw.headers,
    )


def dead_message(raw: RawEvent, rejected: Rejected, source: str, table: str) -> Message:
    """The message that keeps it, keyed by its place, so that the same event rejected again is the same letter."""
    place = raw.origin
    log.warning(
        "dead letter: %s [%d] %d: %s: %s", place.topic, place.partition, place.offset, rejected.reason, rejected
    )
    letter = dead_letter(raw, rejected, now_ms(), source, table)
    return Message.of(DEAD_LETTERS, f"{place.topic}/{place.partition}/{place.offset}", letter)
