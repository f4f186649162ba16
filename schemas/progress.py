"""Progress: up to which commit time a source is searchable."""

from pydantic import BaseModel, ConfigDict

from schemas.position import Position


class Beat(BaseModel):
    """A heartbeat that went through the source's own log: everything committed before it was sent before it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    commit_ms: int
    position: Position


class Progress(BaseModel):
    """One message of `freshline.progress`, keyed by `source`.

    `watermark_ms`: every change the source committed up to this time (ms since 1970, UTC) is applied or in the
    dead-letter topic, but for the tables that have `stopped`. `position` is the same point in the source's log.
    `grants`: topic -> partition -> offset. Who has not read the labels and relations before these offsets does not know
    all permissions of that time yet, and must not claim the watermark.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    watermark_ms: int
    position: Position
    measured_ms: int
    grants: dict[str, dict[int, int]]
    stopped: tuple[str, ...] = ()
