"""What just changed: the news of a record version that became visible, and the questions that wait for such news."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.answer import Hit, Question, SourceKey
from schemas.label import LabelId
from schemas.position import Position


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Update(_Model):
    """One message of `freshline.updates`, keyed by `record_id`. Times are milliseconds since 1970, UTC.

    It names a version that the index shows: nothing of its content, and nobody. The same version may be told of more
    than once: `record_id` and `position` name it. `relabelled`: only who may see it changed.

    `begun_ms`, `embedded_ms`: when indexing took its batch up, and had all its vectors; the message was sent as soon as
    Milvus had acknowledged it. So they tell where the time went. Older messages have none.
    """

    record_id: str
    source: str
    table: str
    position: Position
    commit_ms: int
    event_ms: int
    label: LabelId
    kind: Literal["changed", "relabelled"]
    begun_ms: int | None = None
    embedded_ms: int | None = None


class Standing(_Model):
    """A standing question: an agent is told of each permitted change that is relevant enough."""

    query: Annotated[str, Field(min_length=1, max_length=2000)]
    sources: Annotated[list[SourceKey], Field(min_length=1, max_length=50)] | None = None
    """Only these sources; all by default."""
    min_relevance: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.3
    """The least similarity (cosine, cut at 0) of the question and the best chunk of the record."""
    purpose: Annotated[str, Field(max_length=200)] = ""

    def question(self) -> Question:
        """As it is authorized and put on record."""
        return Question(query=self.query, sources=self.sources, purpose=self.purpose, limit=1)


class Pushed(_Model):
    """What an agent is told: the record as it is now, and on which record of decisions that stands."""

    id: str
    """Of the version: the same whenever it is told of again."""
    answer_id: str
    kind: Literal["changed", "relabelled"]
    hit: Hit


class Closed(_Model):
    """Why a stream ended. `code` is stable: `restarting` or `over`, after which one may go on by Last-Event-ID, or that
    of a refusal."""

    code: str
    detail: str


class Delivered(_Model):
    """The body of a webhook (Standard Webhooks: `type`, `timestamp` in ISO 8601, `data`)."""

    type: Literal["freshline.update"] = "freshline.update"
    timestamp: str
    data: dict[str, Any]
