"""Dead letters: what could not be applied, whole, with its reason."""

from typing import Final

from pydantic import BaseModel, ConfigDict

from schemas.change import Origin
from schemas.errors import RejectReason

FIRST_OFFSET: Final = "freshline.first-offset"
"""Header of an event that a redrive wrote again: at which offset of the partition it stood first (decimal, ASCII).

A row that a snapshot read has no position but its place among what was streamed: that place is the first one.
"""


class DeadLetter(BaseModel):
    """One message of `freshline.dead-letters`: the original bytes, where they stood, and why they were rejected.

    `at_ms` is when it was rejected, in milliseconds since 1970, UTC. `source` and `table` are empty
    where unknown. Bytes are base64 in JSON. A value too large to keep is left out: its origin still has it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")

    origin: Origin
    reason: RejectReason
    message: str
    at_ms: int
    source: str = ""
    table: str = ""
    key: bytes | None = None
    value: bytes | None = None
    left_out: bool = False
    headers: tuple[tuple[str, bytes], ...] = ()
