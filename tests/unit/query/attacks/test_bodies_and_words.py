"""Bodies that try the reader, and what of anything secret gets into replies and logs.

Elsewhere: a body that does not end, a query that is not echoed, questions of every wrong shape (test_api.py); what the
decision log says of a failure (test_recorder.py).
"""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from source_reader_contract import ALICE as CONFIRMED

from query.principal import Principal
from query.problems import MOST_DETAIL
from query.search import Live
from schemas.errors import Unavailable
from schemas.label import Label

ALICE = Principal("alice@acme.example", "acme")
QUESTION, PURPOSE = "questionword", "purposeword"
ROW = "the printer is on fire"
JSON = {"content-type": "application/json"}
BODIES: dict[str, bytes] = {
    "deep lists": b'{"query": ' + b"[" * 60_000,
    "deep objects": b'{"query":' * 7_000,
    "closed deep lists": b'{"query": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "a number of very many digits": b'{"query": "x", "limit": ' + b"9" * 60_000 + b"}",
    "a number beyond all": b'{"query": "x", "half_life_seconds": 1e999}',
    "half a character": b'{"query": "\\udc00"}',
    "bytes that are no text": b'{"query": "\xff\xfe"}',
    "a null": b"null",
    "a list": b'[{"query": "x"}]',
    "a text": b'"x"',
    "nothing": b"",
    "two bodies": b'{"query": "x"}{"query": "y"}',
    "a form": b"query=x",
    "who asks": b'{"query": "x", "subject": "bob", "tenant": "rival"}',
    "a filter": b'{"query": "x", "filter": "label > 0"}',
    "labels": b'{"query": "x", "labels": [1]}',
    "very many sources": json.dumps({"query": "x", "sources": ["helpdesk"] * 51}).encode(),
    "a limit that is a text": b'{"query": "x", "limit": "10; DROP"}',
    "a limit that is true": b'{"query": "x", "limit": 2.5}',
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("path", ["/v1/search", "/v1/explain", "/v1/decisions"])
async def test_a_body_that_is_no_question_is_refused_and_touches_nothing(attacked: Any, body: str, path: str) -> None:
    reply = await attacked.client(attacked.jwt(ALICE)).post(path, content=BODIES[body], headers=JSON)
    assert (reply.status_code, reply.json()["code"]) in {(422, "invalid_question"), (400, "bad_request")}
    assert attacked.calls == {}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_a_question_of_another_kind_than_json_is_none(attacked: Any, kind: str) -> None:
    client = attacked.client(attacked.jwt(ALICE))
    reply = await client.post("/v1/search", content=b'{"query": "x"}', headers={"content-type": kind})
    assert (reply.status_code, reply.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "path", ["/v1/search", "/v1/explain", "/v1/decisions", "/v1/freshness", "/healthz", "/nothing"]
)
async def test_no_path_takes_a_body_beyond_the_limit(attacked: Any, path: str) -> None:
    reply = await attacked.client(attacked.jwt(ALICE)).post(path, content=b" " * 70_000, headers=JSON)
    assert (reply.status_code, reply.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "body",
    [
        {"query": f"{QUESTION} " * 300},
        {"query": "x", "limit": QUESTION},
        {"query": {QUESTION: QUESTION}},
        {"query": [QUESTION]},
        {"query": "x", "half_life_seconds": QUESTION},
        {"query": "x", "purpose": QUESTION * 100},
        {"query": "x", "sources": QUESTION},
        {"query": "x", "sources": [{"a": QUESTION}]},
        {"record_id": QUESTION, "extra": QUESTION},
        {"answers": [QUESTION], "outcome": QUESTION, "reasoning": QUESTION * 9_000},
    ],
    ids=lambda body: ", ".join(body),
)
async def test_no_value_of_a_refused_body_is_echoed(attacked: Any, body: dict[str, Any]) -> None:
    for path in ("/v1/search", "/v1/explain", "/v1/decisions"):
        reply = await attacked.client(attacked.jwt(ALICE)).post(path, json=body)
        assert reply.status_code in (404, 413, 422)
        assert QUESTION not in reply.text


async def test_names_that_were_given_are_told_back_in_bounded_length(attacked: Any) -> None:
    client = attacked.client(attacked.jwt(ALICE))
    for body in ({"query": "x", "n" * 50_000: 1}, {"query": "x", "sources": ["s" * 50_000]}):
        reply = await client.post("/v1/search", json=body)
        assert reply.status_code == 422
        assert len(reply.json()["detail"]) <= MOST_DETAIL


class Failing:
    """Fails with words that hold a row."""

    def __call__(self, *_: object, **__: object) -> Any:
        raise KeyError(f"while reading {ROW!r} for {QUESTION}")


def broken_index(attacked: Any) -> dict[str, Any]:
    attacked.company.store.search = attacked.company.store.head = Failing()
    return {}


def broken_embedder(attacked: Any) -> dict[str, Any]:
    class Embedder:
        embed_question = Failing()

    return {"live": lambda: Live(Embedder(), attacked.company.store)}  # type: ignore[arg-type]


def broken_log(attacked: Any) -> dict[str, Any]:
    attacked.company.decisions.append = Failing()
    return {}


def broken_database(attacked: Any) -> dict[str, Any]:
    guards = attacked.at_source()
    attacked.database.reader.read = Failing()
    return {"guards": guards}


def away_database(attacked: Any) -> dict[str, Any]:
    guards = attacked.at_source()
    attacked.company.put(attacked.database.put(1, CONFIRMED, ROW), ROW, Label(tenant="acme", readers=(ALICE.name,)))
    attacked.database.reader.away = True
    return {"guards": guards}


def away_log(attacked: Any) -> dict[str, Any]:
    def away(*_: object) -> None:
        raise Unavailable("the decision store", "disk full")

    attacked.company.decisions.append = away
    return {}


def stale(attacked: Any) -> dict[str, Any]:
    attacked.company.pass_time(16)
    attacked.revocations.caught_up(attacked.company.now.steady)
    return {}


EVENTS: dict[str, tuple[Callable[[Any], dict[str, Any]], set[int]]] = {
    "all is well": (lambda _: {}, {200, 422}),
    "the index fails": (broken_index, {500}),
    "the embedder fails": (broken_embedder, {200, 500}),
    "the decision log fails": (broken_log, {200, 503}),
    "the decision log is away": (away_log, {200, 503}),
    "the database fails": (broken_database, {500}),
    "the database is away": (away_database, {200}),
    "nothing is known": (stale, {503}),
}


@pytest.mark.parametrize("event", EVENTS)
async def test_no_log_line_holds_a_question_a_row_a_purpose_or_a_token(
    attacked: Any, caplog: pytest.LogCaptureFixture, event: str
) -> None:
    """At DEBUG, of every logger but the test's own client; and replies do not hold what a failure said."""
    bring_about, statuses = EVENTS[event]
    tokens = [attacked.jwt(ALICE, 100_000), attacked.capability(ALICE, rows=50)]
    changed = bring_about(attacked)
    private = (attacked.keys / "signing.pem").read_text().splitlines()[1]
    with caplog.at_level(logging.DEBUG):
        for token in (*tokens, f"{tokens[0]}x", f"{tokens[1]}x"):
            client = attacked.client(token, **changed)
            for path, body in (
                (f"/v1/search?q={QUESTION}", {"query": f"{QUESTION} {ROW}", "purpose": PURPOSE}),
                ("/v1/explain", {"record_id": "helpdesk/tickets/1", "purpose": PURPOSE}),
                ("/v1/search", {"query": f"{QUESTION} " * 300, "purpose": PURPOSE}),
                ("/v1/search", {"query": QUESTION, "sources": ["jira"]}),
                ("/v1/decisions", {"answers": ["0" * 32], "outcome": "completed", "reasoning": QUESTION}),
            ):
                reply = await client.post(path, json=body)
                assert reply.status_code in statuses | {401, 422, 503 if "log" in event or "nothing" in event else 422}
                assert reply.status_code == 200 or not {w for w in (ROW, QUESTION, PURPOSE, token) if w in reply.text}
    lines = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    said = "\n".join(logging.Formatter("%(message)s").format(record) for record in lines)
    assert said.count("POST") >= 20, "each request has its line"
    for secret in (QUESTION, PURPOSE, ROW, "printer", private, *tokens, *(t.rpartition(".")[2] for t in tokens)):
        assert secret not in said


async def test_steps_that_were_timed_are_the_same_for_every_answer(attacked: Any) -> None:
    """Which steps there were would tell what was found."""
    found = []
    for who in (ALICE, Principal("nobody@acme.example", "acme")):
        for query in (ROW, "unicorns"):
            reply = await attacked.client(attacked.jwt(who)).post("/v1/search", json={"query": query})
            found.append((sorted(reply.json()["timings"]), reply.json()["exact"], reply.headers.keys()))
    assert all(each == found[0] for each in found)


@pytest.mark.parametrize("half_life", [1, 1.0000001, 3_153_600_000])
async def test_a_half_life_at_the_end_of_what_may_be_asked_is_a_question_like_any_other(
    attacked: Any, half_life: float
) -> None:
    attacked.company.put("helpdesk/tickets/2", ROW, Label(tenant="acme", readers=(ALICE.name,)), age_s=3600)
    client = attacked.client(attacked.jwt(ALICE))
    reply = await client.post("/v1/search", json={"query": ROW, "half_life_seconds": half_life})
    assert [hit["record_id"] for hit in reply.json()["hits"]] == ["helpdesk/tickets/1", "helpdesk/tickets/2"]
    assert all(0 <= hit["score"] <= 1 for hit in reply.json()["hits"])
