"""Questions and answers: what crosses the wall between an agent and the query layer.

Times are milliseconds since 1970, UTC, unless a name says otherwise; durations are milliseconds.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SourceState = Literal["fresh", "late", "unknown", "withheld"]
"""fresh: lag within the source's SLO. late: beyond it. unknown: no watermark yet (a snapshot runs, or nothing was
heard of the source). withheld: so far behind that its permissions cannot be trusted, so nothing of it is shown; or its
database could not confirm in time what may be shown."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Question(_Model):
    """What an agent asks. Who asks is never here: it comes from the token."""

    query: Annotated[str, Field(min_length=1, max_length=2000)]
    limit: Annotated[int, Field(ge=1, le=50)] = 10
    sources: Annotated[list[str], Field(max_length=50)] | None = None
    """Only these sources; all by default."""
    half_life_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Overrides each source's half-life."""
    purpose: Annotated[str, Field(max_length=200)] = ""
    """What the answer is for: policies may ask for it, and the record of the answer keeps it."""


class Asked(_Model):
    """A record to explain."""

    record_id: Annotated[str, Field(min_length=1, max_length=2000)]
    purpose: Annotated[str, Field(max_length=200)] = ""


class Hit(_Model):
    """One permitted record: its best chunk, how it scored, and how fresh it is."""

    record_id: str
    source: str
    table: str
    key: dict[str, Any]
    title: str
    text: str
    url: str
    metadata: dict[str, Any]
    score: float
    """similarity × freshness."""
    similarity: float
    """Cosine of question and chunk, cut at 0."""
    freshness: float
    """floor + (1 − floor) × 2^(−age / half_life)."""
    commit_ms: int
    event_ms: int
    age_ms: int
    """Since event_ms, when the answer was made."""
    position: str
    chunk: int
    why: list[str]
    """Why it is visible: the path from the asker to a reader entry of the record's label."""
    confirmed_ms: int | None = None
    """When the source's database showed this row to the asker, where the contract asks for that: then title, text, url
    and metadata are the row's as it was at that moment."""
    changed: bool = False
    """The row is no longer what the index found; score, commit_ms, position and chunk are those of what it found."""


class SourceStatus(_Model):
    """How far a source is searchable, beside the data and never within it."""

    source: str
    state: SourceState
    watermark_ms: int | None
    lag_ms: int | None
    slo_ms: int
    detail: str = ""


class Answer(_Model):
    """Hits in falling score; the status of each source asked; where the time went, in milliseconds."""

    id: str = ""
    """Of the answer's record: what an agent refers to when it posts its decision."""
    hits: list[Hit]
    sources: list[SourceStatus]
    exact: bool
    """The hits are proven to be the best of all permitted records. False where the proof needs more rows than one
    search can return."""
    answered_ms: int
    timings: dict[str, float]


class Problem(_Model):
    """An error body (RFC 9457, application/problem+json). `code` is stable."""

    type: str
    title: str
    status: int
    code: str
    detail: str
