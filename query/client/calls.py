"""Each call of the API: what goes out, and as what the reply is read. Every contract is one of `schemas`."""

import uuid
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter, ValidationError

from query.client.call import Call, Params, Request
from query.explain import Explanation
from schemas.answer import Answer, Asked, Question, SourceFreshness
from schemas.decision import AnswerRecord, Decision, DecisionRecord, Recorded
from schemas.errors import InvalidQuestion
from schemas.record import DecisionPage, Record, SourcePage
from schemas.update import Standing

M = TypeVar("M", bound=BaseModel)
_FRESHNESS = TypeAdapter(list[SourceFreshness])
_RECORD: TypeAdapter[AnswerRecord | DecisionRecord] = TypeAdapter(AnswerRecord | DecisionRecord)
_JSON = {"Content-Type": "application/json"}


def search(question: Question | str, **options: Any) -> Call[Answer]:
    """The best permitted records. `options` are those of schemas.answer.Question: limit=5, sources=["wiki"], …

    Raises InvalidQuestion naming what is wrong with it, before anything is sent.
    """
    asked = question_of(question, **options)

    def next_page(answer: Answer) -> Call[Answer] | None:
        return search(asked, cursor=answer.next_cursor) if answer.next_cursor else None

    return Call(post("/v1/search", asked), one(Answer), next=next_page)


def record(record_id: str, purpose: str = "") -> Call[Record]:
    """One permitted record, whole. One that you do not see looks the same as one that does not exist: UnknownRecord."""
    return Call(Request("GET", f"/v1/records/{segment(record_id)}", params(purpose=purpose)), one(Record))


def explain(record_id: str, purpose: str = "") -> Call[Explanation]:
    """Why you see a record. One that you do not see looks the same as one that does not exist: UnknownRecord."""
    return Call(post("/v1/explain", made(Asked, record_id=record_id, purpose=purpose)), one(Explanation))


def freshness() -> Call[list[SourceFreshness]]:
    """How far each source within the token's reach is searchable."""
    return Call(Request("GET", "/v1/freshness"), lambda body: _FRESHNESS.validate_json(body, extra="ignore"))


def sources(limit: int | None = None, cursor: str = "") -> Call[SourcePage]:
    """What there is to search within the token's reach."""

    def next_page(page: SourcePage) -> Call[SourcePage] | None:
        return sources(limit, page.next_cursor) if page.next_cursor else None

    asked = Request("GET", "/v1/sources", params(limit=limit, cursor=cursor))
    return Call(asked, one(SourcePage), next=next_page)


def decide(decision: Decision | None = None, *, idempotency_key: str = "", **fields: Any) -> Call[Recorded]:
    """Put on record what an agent did with answers, by their ids. `fields` are those of schemas.decision.Decision.

    It is on record once, however often it had to be sent. Give a key of your own to make that hold over restarts.
    """
    said = decision if decision is not None else made(Decision, **fields)
    return Call(post("/v1/decisions", said, idempotency_key or new_key()), one(Recorded))


def decision(record_id: str) -> Call[AnswerRecord | DecisionRecord]:
    """One of your own records, by the id of an answer or a decision. Needs the operation `audit`."""
    asked = Request("GET", f"/v1/decisions/{segment(record_id)}")
    return Call(asked, lambda body: _RECORD.validate_json(body, extra="ignore"))


def decisions(limit: int | None = None, cursor: str = "") -> Call[DecisionPage]:
    """Your own records, newest first. Needs the operation `audit`."""

    def next_page(page: DecisionPage) -> Call[DecisionPage] | None:
        return decisions(limit, page.next_cursor) if page.next_cursor else None

    asked = Request("GET", "/v1/decisions", params(limit=limit, cursor=cursor))
    return Call(asked, one(DecisionPage), next=next_page)


def updates(standing: Standing) -> Request:
    """The stream of what changes for a standing question."""
    asked = params(
        query=standing.query,
        source=standing.sources,
        min_relevance=standing.min_relevance,
        purpose=standing.purpose,
    )
    return Request("GET", "/v1/updates", asked)


def question_of(question: Question | str, **options: Any) -> Question:
    """A question as the API takes it; options given here win. Raises InvalidQuestion naming what is wrong with it."""
    asked = question.model_dump(exclude_unset=True) if isinstance(question, Question) else {"query": question}
    return made(Question, **asked | options)


def standing_of(standing: Standing | str, **options: Any) -> Standing:
    """A standing question as the API takes it; options given here win. Raises InvalidQuestion as `question_of`."""
    asked = standing.model_dump(exclude_unset=True) if isinstance(standing, Standing) else {"query": standing}
    return made(Standing, **asked | options)


def made(kind: type[M], **fields: Any) -> M:
    """A contract from its fields. Raises InvalidQuestion naming every field that is wrong, without its value."""
    try:
        return kind(**fields)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidQuestion(f"the {kind.__name__.lower()} is not usable: {wrong}") from None


def new_key() -> str:
    """An idempotency key that nobody used yet."""
    return uuid.uuid4().hex


def segment(text: str) -> str:
    """A text as one segment of a path, slashes and dots and all."""
    return quote(text, safe="").replace(".", "%2E")


def post(path: str, body: BaseModel, idempotency_key: str = "") -> Request:
    """Only what was set goes out, so that an older server does not meet fields it never heard of."""
    key = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    return Request("POST", path, body=body.model_dump_json(exclude_defaults=True).encode(), headers=_JSON | key)


def one(kind: type[M]) -> Callable[[bytes], M]:
    """Reads one; what a newer server adds is passed over."""
    return lambda body: kind.model_validate_json(body, extra="ignore")


def params(**named: str | float | Iterable[str] | None) -> Params:
    """Of a query string, without what is not given; a list becomes one parameter of that name for each."""
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in named.items():
        values = [] if value in (None, "") else [value] if isinstance(value, str | float | int) else value
        pairs += [(name, str(one)) for one in values or ()]
    return tuple(pairs)
