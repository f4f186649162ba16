"""Agent Decision Records: what was shown to whom, what an agent did with it, and the evidence that stays.

Times are milliseconds since 1970, UTC; hashes and signatures are hexadecimal. A record is a *payload*, which may be
erased, and an *envelope*, which stays: it holds nothing personal and is one leaf of a Merkle tree (RFC 6962).
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.answer import Question, SourceStatus

Kind = Literal["answer", "decision", "erasure", "head"]
"""answer, decision: see the records below. erasure: payloads that were taken away. head: a signed tree head."""
AboutRecords = Literal["search", "get", "explain"]
"""What an answer was: hits, one record whole, or why one is visible."""
Outcome = Literal["completed", "declined", "escalated", "failed"]
RecordId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Name = Annotated[str, Field(max_length=200)]
Note = Annotated[str, Field(max_length=2_000)]
LongText = Annotated[str, Field(max_length=20_000)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Hand(_Model):
    """One hand of a token chain. Never the token."""

    holder: str
    revocation_id: str


class Who(_Model):
    """On whose behalf (`subject` of `tenant`), by which program, and by which token chain."""

    tenant: str
    subject: str
    agent: str
    chain: tuple[Hand, ...]


class Shown(_Model):
    """A record that was shown: which version (`position`), which chunk, and the hash of what was read."""

    record_id: str
    position: str
    chunk: int
    content_hash: str
    confirmed_ms: int | None = None
    """When the source's database confirmed it, where the contract asks for that."""


class AnswerRecord(_Model):
    """One question and what it got. No text of any row. Of a `get` or `explain`, the query is the record's id."""

    id: RecordId
    at_ms: int
    who: Who
    purpose: str
    address: str
    operation: AboutRecords = "search"
    question: Question
    status: str
    """`answered`, or the code of the refusal."""
    policy_version: str
    view_at_ms: int | None
    """As of when labels and relations were known; None before they were."""
    view_lag_ms: int | None
    sources: tuple[SourceStatus, ...]
    """The watermark of each source asked."""
    shown: tuple[Shown, ...]
    withheld: dict[str, int] = {}
    """Reason -> how many hits were kept back. An asker that reads its own record is not told."""
    timings: dict[str, float]


class ToolCall(_Model):
    """What the agent called; arguments and result as text, JSON where there is structure."""

    name: Name
    arguments: LongText = ""
    result: LongText = ""


class Override(_Model):
    """Where a person or a rule decided otherwise than the agent would have."""

    what: Note
    by: Name
    why: Note = ""


class Decision(_Model):
    """What an agent did with answers, as it posts it back."""

    answers: Annotated[tuple[RecordId, ...], Field(min_length=1, max_length=50)]
    """The records of the answers it rests on."""
    outcome: Outcome
    model: Name = ""
    reasoning: LongText = ""
    tool_calls: Annotated[tuple[ToolCall, ...], Field(max_length=100)] = ()
    output: LongText = ""
    overrides: Annotated[tuple[Override, ...], Field(max_length=50)] = ()
    tokens_in: Annotated[int, Field(ge=0, le=10**9)] = 0
    tokens_out: Annotated[int, Field(ge=0, le=10**9)] = 0
    cost: Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=6)] = Decimal(0)
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"


class DecisionRecord(_Model):
    """A decision on record."""

    id: RecordId
    at_ms: int
    who: Who
    decision: Decision


class Recorded(_Model):
    """The reply to who posts a decision."""

    id: RecordId


class Head(_Model):
    """A signed tree head: the log had `size` entries and this root. `peaks` are the roots of its perfect subtrees,
    largest first; they fold to the root, so that the tree can go on from here without its leaves."""

    size: Annotated[int, Field(ge=1)]
    root: str
    at_ms: int
    peaks: tuple[str, ...]
    key: str
    signature: str


class Envelope(_Model):
    """What of a record stays for ever. Its bytes as stored are the leaf."""

    sequence: int
    """Its place in the log, from 1, without gaps."""
    id: RecordId
    kind: Kind
    at_ms: int
    tenant: str = ""
    status: str = ""
    """Of an answer as in its record; of a decision its outcome."""
    chain: tuple[str, ...] = ()
    """Revocation ids of the token chain."""
    rows: int = 0
    """How many records were shown."""
    payload_hash: str = ""
    """SHA-256 of salt and payload; the salt is erased with the payload. Empty: there never was one."""
    erased: tuple[tuple[int, int], ...] = ()
    """Of an erasure: the sequences whose payloads were taken away, first and last of each run."""
    head: Head | None = None


class Line(_Model):
    """An entry of the log as it is copied and exported. The Kafka topic never gets salt and payload."""

    envelope: str
    seal: str
    """Ed25519 over the leaf's hash, made when it was appended."""
    salt: str | None = None
    payload: str | None = None
