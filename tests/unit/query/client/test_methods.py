"""What each method sends, what it gives back, and what it raises."""

import json
import logging

import httpx
import pytest
from client_stage import STATUS, Api, a_hit, an_answer, json_of

from query.client import AsyncClient, Client
from query.gateway.refusals import TimedOut
from query.problems import problem_response
from query.workers import Busy
from schemas.answer import Question
from schemas.decision import Recorded
from schemas.errors import (
    Forbidden,
    IndexUnavailable,
    InvalidQuestion,
    Misconfigured,
    NotAvailable,
    Refused,
    Unauthenticated,
    Unavailable,
)
from schemas.update import Standing
from schemas.webhook import Delivery, MadeWebhook, Redelivered, Webhook

RECORDED = Recorded(id="a" * 32)


def refusal(refused: Refused) -> httpx.Response:
    made = problem_response(refused)
    return httpx.Response(made.status_code, content=bytes(made.body))


def test_a_question_goes_out_with_its_token_and_only_what_was_set(do) -> None:
    api = Api([json_of(an_answer(hits=[a_hit()]))])
    assert do(api, "search", "printer", limit=3) == an_answer(hits=[a_hit()])
    (sent,) = api.seen
    assert (sent.method, sent.url.path, sent.headers["authorization"]) == ("POST", "/v1/search", "Bearer t0ken")
    assert json.loads(sent.content) == {"query": "printer", "limit": 3}


def test_options_win_over_those_of_a_question(do) -> None:
    api = Api([json_of(an_answer())])
    do(api, "search", Question(query="printer", limit=3, purpose="triage"), limit=4)
    assert json.loads(api.seen[0].content) == {"query": "printer", "limit": 4, "purpose": "triage"}


def test_a_question_that_is_not_usable_is_refused_before_it_is_sent(do) -> None:
    api = Api([json_of(an_answer())])
    with pytest.raises(InvalidQuestion, match=r"limit: .*50; colour: Extra"):
        do(api, "search", "printer", limit=51, colour="red")
    assert api.seen == []


def test_freshness_comes_back_by_source(do) -> None:
    api = Api([httpx.Response(200, content=b"[" + STATUS.model_dump_json().encode() + b"]")])
    assert [(one.source, one.rows) for one in do(api, "freshness")] == [("wiki", None)]


def test_what_a_newer_server_adds_is_passed_over(do) -> None:
    said = {**an_answer().model_dump(mode="json"), "mood": "good"}
    assert do(Api([httpx.Response(200, json=said)]), "search", "printer") == an_answer()


def test_a_decision_has_one_idempotency_key_for_all_tries(do) -> None:
    api = Api([httpx.ReadError("gone"), json_of(RECORDED, 201)])
    assert do(api, "decide", answers=["b" * 32], outcome="completed") == RECORDED
    first, second = [request.headers["idempotency-key"] for request in api.seen]
    assert first == second
    assert len(first) >= 32


def test_two_decisions_have_two_keys_unless_the_caller_gives_one(do) -> None:
    api = Api([json_of(RECORDED, 201)])
    for given in ({}, {}, {"idempotency_key": "mine"}):
        do(api, "decide", answers=["b" * 32], outcome="completed", **given)
    first, second, third = [request.headers["idempotency-key"] for request in api.seen]
    assert len({first, second, third}) == 3
    assert third == "mine"


@pytest.mark.parametrize(
    "kind", [Unauthenticated, Forbidden, InvalidQuestion, IndexUnavailable, Busy, TimedOut, NotAvailable]
)
def test_a_refusal_comes_back_as_what_it_was(do, kind: type[Refused]) -> None:
    with pytest.raises(Refused) as raised:
        do(Api([refusal(kind("in these words"))]), "search", "printer")
    assert (type(raised.value), str(raised.value)) == (kind, "in these words")


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Unauthenticated), (403, Forbidden), (418, Refused), (500, Refused), (503, NotAvailable)]
)
def test_a_code_of_a_later_version_is_kept_on_a_refusal_of_its_status(do, status: int, kind: type[Refused]) -> None:
    body = {"type": "t", "title": "t", "status": status, "code": "of_a_later_version", "detail": "later", "more": 1}
    with pytest.raises(kind, match="later") as raised:
        do(Api([httpx.Response(status, json=body)]), "search", "printer")
    assert (type(raised.value), raised.value.code, raised.value.status) == (kind, "of_a_later_version", status)
    assert kind.code != "of_a_later_version"


@pytest.mark.parametrize("status", [307, 404, 500])
def test_what_is_no_reply_of_ours_is_unavailable(do, status: int) -> None:
    with pytest.raises(Unavailable, match=str(status)):
        do(Api([httpx.Response(status, content=b"<html>")]), "search", "printer")


def test_an_answer_that_cannot_be_read_is_unavailable_and_not_quoted(do) -> None:
    with pytest.raises(Unavailable, match="does not know") as raised:
        do(Api([httpx.Response(200, content=b'{"hits": "secret"}')]), "search", "printer")
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_token_that_is_given_anew_is_asked_for_at_each_try(do) -> None:
    tokens = iter(["first", "second"])
    api = Api([refusal(Busy()), json_of(an_answer())])
    do(api, "search", "printer", client_options={"token": lambda: next(tokens)})
    assert [request.headers["authorization"] for request in api.seen] == ["Bearer first", "Bearer second"]


async def test_a_token_may_come_from_a_coroutine() -> None:
    async def fetch() -> str:
        return "awaited"

    api = Api([json_of(an_answer())])
    async with AsyncClient("http://api", fetch, transport=httpx.MockTransport(api.handle)) as client:
        await client.search("printer")
    assert api.seen[0].headers["authorization"] == "Bearer awaited"


@pytest.mark.parametrize("token", ["", "s3cret\r\nX-Evil: 1", "s3cret ", "s3crét", None])
def test_what_cannot_be_a_token_is_never_sent_nor_repeated(do, token) -> None:
    api = Api([json_of(an_answer())])
    with pytest.raises(Misconfigured) as raised:
        do(api, "search", "printer", client_options={"token": token})
    assert api.seen == []
    assert "s3cr" not in str(raised.value)


def test_a_token_is_in_no_repr_log_or_error(do, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Client("http://api", "s3cret") as client:
        assert "s3cret" not in f"{client!r}{client._http!r}{client._http.headers!r}"
    with pytest.raises(Unavailable) as raised:
        do(Api([httpx.ReadError("s3cret")]), "search", "printer", client_options={"token": "s3cret"})
    assert "s3cret" not in repr(raised.value) + caplog.text


@pytest.mark.parametrize(
    "url", ["", "api", "ftp://api", "http://", "http://me:s3cret@api", "http://api?x=1", "http://["]
)
def test_an_address_that_cannot_be_used_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Misconfigured) as raised:
        Client(url, "t0ken")
    assert "s3cret" not in str(raised.value)


def test_a_redirect_never_takes_the_token_elsewhere(do) -> None:
    api = Api([httpx.Response(308, headers={"location": "http://elsewhere/v1/search"})])
    with pytest.raises(Unavailable):
        do(api, "search", "printer")
    assert {request.url.host for request in api.seen} == {"api"}


async def test_pages_follow_their_cursors_until_there_is_none() -> None:
    pages = [
        an_answer(hits=[a_hit(f"wiki/wiki.pages/{n}")], next_cursor=c) for n, c in ((1, "c2"), (2, "c3"), (3, None))
    ]
    for way in ("waiting", "awaited"):
        api = Api([json_of(page) for page in pages])
        transport = httpx.MockTransport(api.handle)
        if way == "waiting":
            with Client("http://api", "t0ken", transport=transport) as client:
                found = list(client.search_pages("printer", limit=1))
        else:
            async with AsyncClient("http://api", "t0ken", transport=transport) as awaited:
                found = [page async for page in awaited.search_pages("printer", limit=1)]
        assert found == pages
        assert [json.loads(request.content).get("cursor") for request in api.seen] == [None, "c2", "c3"]
        assert {json.loads(request.content)["limit"] for request in api.seen} == {1}


WEBHOOK = MadeWebhook(
    id="b" * 32,
    url="https://hooks.example",
    question=Standing(query="printer"),
    made_ms=1,
    expires_ms=2,
    secret="whsec_",
)


def test_a_webhook_is_made_with_its_question_and_ended_by_its_id(do) -> None:
    api = Api([json_of(WEBHOOK, 201), httpx.Response(204)])
    assert do(api, "create_webhook", "https://hooks.example", "printer", sources=["wiki"]) == WEBHOOK
    assert do(api, "delete_webhook", WEBHOOK.id) is None
    assert json.loads(api.seen[0].content) == {
        "url": "https://hooks.example",
        "question": {"query": "printer", "sources": ["wiki"]},
    }
    assert (api.seen[1].method, api.seen[1].url.path) == ("DELETE", f"/v1/webhooks/{WEBHOOK.id}")


def test_a_webhook_whose_making_may_have_been_heard_is_asked_for_again_with_the_same_key(do) -> None:
    api = Api([httpx.ReadError("gone"), json_of(WEBHOOK, 201)])
    for _ in range(2):
        assert do(api, "create_webhook", "https://hooks.example", "printer") == WEBHOOK
    first, again, another = [request.headers["idempotency-key"] for request in api.seen]
    assert first == again != another


def test_ending_a_webhook_is_asked_for_again_where_its_reply_was_lost(do) -> None:
    api = Api([httpx.ReadError("gone"), httpx.Response(204)])
    assert do(api, "delete_webhook", WEBHOOK.id) is None
    assert len(api.seen) == 2


def test_webhooks_and_their_deliveries_are_listed_and_tried_again(do) -> None:
    kept = Webhook(**WEBHOOK.model_dump(exclude={"secret"}))
    lost = Delivery(id="d", state="dead", attempts=9, made_ms=1, due_ms=2, error="timed_out")
    api = Api(
        [
            httpx.Response(200, content=f"[{kept.model_dump_json()}]"),
            httpx.Response(200, content=f"[{lost.model_dump_json()}]"),
            json_of(Redelivered(count=1)),
        ]
    )
    assert do(api, "webhooks") == [kept]
    assert do(api, "webhook_deliveries", kept.id, "dead") == [lost]
    assert do(api, "redeliver_webhook", kept.id) == Redelivered(count=1)
    assert str(api.seen[1].url) == f"http://api/v1/webhooks/{kept.id}/deliveries?state=dead"


def test_both_clients_have_the_same_methods() -> None:
    def offered(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")} - {"close", "aclose"}

    assert offered(Client) == offered(AsyncClient)
    assert {"search", "record", "updates", "search_pages", "create_webhook"} <= offered(Client)
