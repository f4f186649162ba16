"""What the tools need of Freshline: its API, as one caller sees it."""

from collections.abc import Awaitable
from typing import Protocol

from query.explain import Explanation
from schemas.answer import Answer, Question, SourceFreshness
from schemas.decision import Decision, Recorded
from schemas.record import Record, SourcePage


class Api(Protocol):
    """The API with one caller's token; query.client.AsyncClient is one. Each call raises the Refused that the API
    replies with, Unavailable without a reply."""

    def search(self, question: Question) -> Awaitable[Answer]: ...

    def record(self, record_id: str, purpose: str = "") -> Awaitable[Record]: ...

    def sources(self, *, cursor: str) -> Awaitable[SourcePage]: ...

    def explain(self, record_id: str, purpose: str = "") -> Awaitable[Explanation]: ...

    def freshness(self) -> Awaitable[list[SourceFreshness]]: ...

    def decide(self, decision: Decision, *, idempotency_key: str) -> Awaitable[Recorded]: ...
