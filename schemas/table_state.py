"""Whether a table is captured or has stopped, and why."""

import hashlib
from typing import Literal

from pydantic import BaseModel, ConfigDict

from schemas.change import Origin
from schemas.contract import TableContract


class TableState(BaseModel):
    """One message of `freshline.tables`, keyed by the raw topic.

    A stopped table resumes, without loss, when its contract changes (`contract` is its fingerprint then) or when
    somebody says so (`freshline sources resume`). `origin` is the event at which it stopped.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: str
    source: str
    table: str
    state: Literal["running", "stopped"]
    at_ms: int
    contract: str
    reason: str = ""
    origin: Origin | None = None


def fingerprint(contract: TableContract) -> str:
    """Names what a table's contract says."""
    return hashlib.sha256(contract.model_dump_json().encode()).hexdigest()[:16]
