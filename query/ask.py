"""Asks the API over HTTP, for the shell and for tests; and people by their first names."""

import json
import ssl
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import httpx
from pydantic import TypeAdapter, ValidationError

from query.principal import Principal
from schemas.answer import Answer, Problem, Question, SourceStatus
from schemas.errors import InvalidQuestion, Misconfigured, NotAvailable, Refused, Unavailable

_STATUSES = TypeAdapter(list[SourceStatus])
TIMEOUT_S = 30.0
SHOWN_NAMES = 10


def question_of(query: str, limit: int, purpose: str = "") -> Question:
    """A question as the API takes it. Raises InvalidQuestion naming what is wrong with it."""
    try:
        return Question(query=query, limit=limit, purpose=purpose)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidQuestion(f"the question is not usable: {wrong}") from None


def ask(url: str, token: str, question: Question, timeout_s: float = TIMEOUT_S) -> Answer:
    """One question to the API at `url`. Raises the Refused of the reply's code; Unavailable without reply."""
    body = question.model_dump(mode="json")
    return Answer.model_validate_json(_call("POST", f"{url}/v1/search", token, timeout_s, body))


def freshness(url: str, token: str, timeout_s: float = TIMEOUT_S) -> list[SourceStatus]:
    """How far each source is searchable. Raises as `ask`."""
    return _STATUSES.validate_json(_call("GET", f"{url}/v1/freshness", token, timeout_s))


def resolve_person(name: str, home: Path) -> Principal:
    """Whom a name means, by `people.json`: {"alice": {"sub": …, "tenant": …}}. Raises Misconfigured."""
    path = home / "people.json"
    try:
        people: dict[str, dict[str, str]] = json.loads(path.read_text())
        known = {person: Principal(entry["sub"], entry["tenant"]) for person, entry in people.items()}
    except OSError:
        raise Misconfigured(f"there is no {path}, so nobody is known by a first name; run `make up` first") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Misconfigured(f'{path} is not usable; write {{"alice": {{"sub": "…", "tenant": "…"}}}}') from None
    if name not in known:
        some = sorted(known, key=lambda person: (len(person), person))[:SHOWN_NAMES]
        raise Misconfigured(f"nobody is called {name!r}; known: {', '.join(some)}; all are in {path}")
    return known[name]


def _call(method: str, url: str, token: str, timeout_s: float, body: Any = None) -> bytes:
    try:
        reply = httpx.request(
            method,
            url,
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout_s,
            trust_env=False,
            verify=_tls(),
        )
    except httpx.TransportError as error:
        raise Unavailable(f"the API at {url}", type(error).__name__) from error
    if reply.status_code != httpx.codes.OK:
        _refuse(reply)
    return reply.content


@cache
def _tls() -> ssl.SSLContext:
    """Made once: it takes longer than a question."""
    return httpx.create_ssl_context(trust_env=False)


def _refuse(reply: httpx.Response) -> NoReturn:
    try:
        problem = Problem.model_validate_json(reply.content)
    except ValidationError:
        raise Unavailable("the API", f"it answered {reply.status_code} without saying why") from None
    by_code = {kind.code: kind for kind in _kinds(Refused)}
    default = NotAvailable if problem.status == httpx.codes.SERVICE_UNAVAILABLE else Refused
    raise by_code.get(problem.code, default)(problem.detail)


def _kinds(kind: type[Refused]) -> list[type[Refused]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _kinds(child))]
