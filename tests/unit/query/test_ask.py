from pathlib import Path

import httpx
import pytest

import query.ask
from query.ask import ask, freshness, resolve_person
from query.principal import Principal
from query.problems import TimedOut, problem_response
from query.workers import Busy
from schemas.answer import Answer, Question, SourceStatus
from schemas.errors import (
    IndexUnavailable,
    InvalidQuestion,
    Misconfigured,
    NotAvailable,
    Refused,
    Unauthenticated,
    Unavailable,
)

STATUS = SourceStatus(source="wiki", state="fresh", watermark_ms=1, lag_ms=1, slo_ms=2000)
ANSWER = Answer(hits=[], sources=[STATUS], exact=True, answered_ms=1, timings={})
URL = "http://api"


class Unheard(NotAvailable):
    """A code of a later version."""

    code = "of_a_later_version"


@pytest.fixture
def reply(monkeypatch: pytest.MonkeyPatch):
    """Lets the API reply as told; remembers the request."""
    seen: list[httpx.Request] = []

    def reply(status: int = 200, content: bytes = b"", error: Exception | None = None) -> list[httpx.Request]:
        def handle(request: httpx.Request) -> httpx.Response:
            seen.append(request)
            if error is not None:
                raise error
            return httpx.Response(status, content=content)

        def request(method, url, *, trust_env, timeout, verify, **how):
            assert not trust_env
            with httpx.Client(transport=httpx.MockTransport(handle), timeout=timeout) as client:
                return client.request(method, url, **how)

        monkeypatch.setattr(query.ask.httpx, "request", request)
        return seen

    return reply


def test_a_question_travels_with_its_token_and_the_answer_comes_back(reply) -> None:
    seen = reply(content=ANSWER.model_dump_json().encode())
    assert ask(URL, "t0ken", Question(query="printer")) == ANSWER
    assert seen[0].headers["authorization"] == "Bearer t0ken"
    assert Question.model_validate_json(seen[0].content) == Question(query="printer")


def test_freshness_comes_back_as_statuses(reply) -> None:
    reply(content=b"[" + STATUS.model_dump_json().encode() + b"]")
    assert freshness(URL, "t0ken") == [STATUS]


@pytest.mark.parametrize("kind", [Unauthenticated, InvalidQuestion, IndexUnavailable, Busy, TimedOut])
def test_a_refusal_comes_back_as_what_it_was(reply, kind: type[Refused]) -> None:
    refused = kind("in these words")
    reply(refused.status, bytes(problem_response(refused).body))
    with pytest.raises(kind, match="in these words"):
        ask(URL, "t0ken", Question(query="printer"))


def test_an_unheard_code_is_still_a_refusal_of_its_status(reply) -> None:
    body = bytes(problem_response(Unheard("later")).body).replace(b"of_a_later_version", b"of_another")
    reply(503, body)
    with pytest.raises(NotAvailable, match="later"):
        ask(URL, "t0ken", Question(query="printer"))


def test_nobody_there_and_nonsense_are_unavailable(reply) -> None:
    reply(error=httpx.ConnectError("refused"))
    with pytest.raises(Unavailable, match="ConnectError"):
        ask(URL, "t0ken", Question(query="printer"))
    reply(502, b"<html>")
    with pytest.raises(Unavailable, match="502"):
        ask(URL, "t0ken", Question(query="printer"))


def test_a_person_is_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "people.json").write_text('{"alice": {"sub": "alice@acme.example", "tenant": "acme"}}')
    assert resolve_person("alice", tmp_path) == Principal("alice@acme.example", "acme")
    with pytest.raises(Misconfigured, match="nobody is called 'bob'; known: alice"):
        resolve_person("bob", tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"alice": {}}', '{"alice": 7}', '{"alice": {"sub": 7}}'])
def test_a_broken_list_of_people_says_how_to_write_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "people.json").write_text(text)
    with pytest.raises(Misconfigured):
        resolve_person("alice", tmp_path)


def test_without_a_list_of_people_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="make up"):
        resolve_person("alice", tmp_path)
