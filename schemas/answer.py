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


Relevance = Literal["dense", "keyword", "hybrid"]
"""How question and chunk are compared: by meaning (cosine), by words (BM25), or by both."""
OnStale = Literal["flag", "wait", "fail"]
"""What happens when a source is further behind than the question allows: say so, wait a bounded time, or refuse."""
Verdict = Literal["within", "beyond"]
"""Whether a source is within the staleness the question allows."""
SourceKey = Annotated[str, Field(min_length=1, max_length=63)]
Lsn = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}$", examples=["0/16B3748"])]
"""A place in a PostgreSQL log, as `pg_current_wal_lsn()` prints it."""
Staleness = Annotated[float, Field(ge=0, le=31_536_000, allow_inf_nan=False)]
MostHits = Annotated[int, Field(ge=1, le=50)]


class Question(_Model):
    """What an agent asks. Who asks is never here: it comes from the token."""

    query: Annotated[str, Field(min_length=1, max_length=2000)]
    limit: Annotated[int, Field(ge=1, le=50)] = 10
    sources: Annotated[list[str], Field(max_length=50)] | None = None
    """Only these sources; all by default."""
    purpose: Annotated[str, Field(max_length=200)] = ""
    """What the answer is for: policies may ask for it, and the record of the answer keeps it."""
    relevance: Relevance = "dense"
    rerank: bool = False
    """Order the best hits by a cross-encoder, where the server has one; refused where it has none."""
    half_life_seconds: Annotated[float, Field(ge=1, le=3_153_600_000, allow_inf_nan=False)] | None = None
    """Overrides each source's half-life."""
    floor: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    """Overrides each source's floor: what is left of a very old row's relevance."""
    most_per_source: MostHits | Annotated[dict[SourceKey, MostHits], Field(max_length=50)] | None = None
    """At most so many hits of any one source, or of the named ones."""
    max_staleness_seconds: Staleness | Annotated[dict[SourceKey, Staleness], Field(max_length=50)] | None = None
    """How far behind a source may be, each or the named ones: everything committed earlier than that is searchable."""
    on_stale: OnStale = "flag"
    after: Annotated[dict[SourceKey, Lsn], Field(max_length=50)] | None = None
    """Source -> place in its log: what was committed up to there is in the answer, or there is none."""
    wait_seconds: Annotated[float, Field(ge=0, le=20, allow_inf_nan=False)] = 5.0
    """How long `after` and `on_stale: wait` may take."""
    as_of_ms: Annotated[int, Field(ge=0, le=253_402_300_799_999)] | None = None
    """Answer from the versions that were current then, with the permissions of now."""
    budget_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """The most tokens that all hits together may take as context for a prompt. Hits are whole or not there."""
    metadata: Annotated[list[str], Field(max_length=50)] | None = None
    """Only these metadata columns. By default all, but none where `budget_tokens` is given."""
    context: bool = False
    """Also give the hits as one text for a prompt, marked as untrusted."""
    cursor: Annotated[str, Field(max_length=4000)] | None = None
    """Go on after the last hit of an answer to the same question: its `next_cursor`."""


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
    """With http, https, mailto, or relative: any other address that a row gives is left out."""
    metadata: dict[str, Any]
    score: float
    """relevance × freshness."""
    relevance: float
    """Between 0 and 1; which of the two below make it, and how, is in query/ranking/README.md."""
    similarity: float | None
    """Cosine of question and chunk, cut at 0; None where only words were compared."""
    keyword: float | None = None
    """BM25 of question and chunk; None where only meanings were compared."""
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
    other_chunks: list[int] = []
    """Further chunks of the same record that were found, best first."""
    duplicates: list[str] = []
    """Ids of records that say the same and scored no better; each is permitted like this one."""
    rerank_score: float | None = None
    citation: str = ""
    """What an agent can quote: record id, version, commit time (UTC) and link."""


class SourceStatus(_Model):
    """How far a source is searchable, beside the data and never within it."""

    source: str
    state: SourceState
    watermark_ms: int | None
    lag_ms: int | None
    slo_ms: int
    detail: str = ""
    position: Lsn | None = None
    """The watermark as a place in the source's log: a commit token for `after`."""
    verdict: Verdict | None = None
    """Against the staleness that the question allows; None where it sets none. What is unknown is beyond."""
    stopped: list[str] = []
    """Tables that are not followed now: their last good version is shown, which is beyond any allowed staleness."""


class SourceFreshness(SourceStatus):
    """How far a source is, for who watches it. What is not known is None."""

    rows: int | None = None
    """Records that are searchable, whoever may see them."""
    backlog: int | None = None
    """Messages that wait to be applied: of its own topics, and of `freshline.changes`, which all sources share."""
    dead_letters: int | None = None
    current_share: float | None = None
    """At least this share of its rows is as the source had them when it was last heard of, less than its SLO ago:
    1 − (backlog + dead letters) / rows, cut at 0. None while the source is not fresh."""


class Tokens(_Model):
    """How much context the hits take, counted with a named tokenizer."""

    tokenizer: str
    used: int
    budget: int
    left_out: int = 0
    """Hits that did not fit."""


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
    stale: bool = False
    """A source is further behind than the question allows."""
    as_of_ms: int | None = None
    tokens: Tokens | None = None
    context: str | None = None
    next_cursor: str | None = None


class Problem(_Model):
    """An error body (RFC 9457, application/problem+json). `code` is stable."""

    type: str
    title: str
    status: int
    code: str
    detail: str
