from pathlib import Path

import httpx
import pytest

from query.ask import ask, freshness, resolve_person
from query.principal import Principal
from query.problems import problem_response
from schemas.answer import Answer, Question, SourceStatus
from schemas.errors import IndexUnavailable, Misconfigured

STATUS = SourceStatus(source="wiki", state="fresh", watermark_ms=1, lag_ms=1, slo_ms=2000)
ANSWER = Answer(hits=[], sources=[STATUS], exact=True, answered_ms=1, timings={})
URL = "http://api"


@pytest.fixture
def reply(monkeypatch: pytest.MonkeyPatch):
    """Lets the API reply as told; remembers the requests."""
    seen: list[httpx.Request] = []

    def reply(status: int, content: bytes) -> list[httpx.Request]:
        def handle(_, request: httpx.Request) -> httpx.Response:
            seen.append(request)
            return httpx.Response(status, content=content)

        monkeypatch.setattr(httpx.HTTPTransport, "handle_request", handle)
        return seen

    return reply


def test_a_question_travels_with_its_token_and_the_answer_comes_back(reply) -> None:
    seen = reply(200, ANSWER.model_dump_json().encode())
    assert ask(URL, "t0ken", Question(query="printer")) == ANSWER
    assert seen[0].headers["authorization"] == "Bearer t0ken"
    assert Question.model_validate_json(seen[0].content) == Question(query="printer")


def test_freshness_comes_back_as_statuses(reply) -> None:
    reply(200, b"[" + STATUS.model_dump_json().encode() + b"]")
    assert [status.source for status in freshness(URL, "t0ken")] == ["wiki"]


def test_a_refusal_is_told_at_once(reply) -> None:
    seen = reply(503, bytes(problem_response(IndexUnavailable("in these words")).body))
    with pytest.raises(IndexUnavailable, match="in these words"):
        ask(URL, "t0ken", Question(query="printer"))
    assert len(seen) == 1


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
