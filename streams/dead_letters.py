"""Dead letters: what is kept of an event that cannot be applied. Pure."""

from schemas.dead_letter import DeadLetter
from schemas.errors import Rejected
from streams.decode import RawEvent


def dead_letter(raw: RawEvent, rejected: Rejected, at_ms: int, source: str, table: str) -> DeadLetter:
    """The original bytes with their place and the reason. Source and table are empty where unknown."""
    return DeadLetter(
        origin=raw.origin,
        reason=rejected.reason,
        message=str(rejected),
        at_ms=at_ms,
        source=source,
        table=table,
        key=raw.key,
        value=raw.value,
        headers=raw.headers,
    )
