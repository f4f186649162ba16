"""`GET /v1/updates` through the whole application: what is refused, and how it begins and ends."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from update_stage import ListLog

from query.api import Deps, create_app
from query.asker import Asker
from query.gateway.cursor import Cursors
from query.principal import Principal
from query.updates.places import UpdateCursors
from query.updates.stream import Push
from query.updates.streams import Streams
from query.workers import Workers


class QuietFeed(ListLog):
    def waking(self, _: Any) -> Any:
        from contextlib import nullcontext

        return nullcontext()


@pytest.fixture
def push(company: Any) -> Iterator[Push]:
    workers = Workers(2, 8)
    yield Push(company.parts(), QuietFeed(), UpdateCursors(Cursors(b"0" * 32)), Streams(most_each=1), workers)  # type: ignore[arg-type]
    workers.close()


@pytest.fixture
def client(company: Any, alice: Principal, push: Push) -> httpx.AsyncClient:
    app = create_app(Deps(company.parts(), lambda _: Asker(alice), 5.0, push=push))
    headers = {"Authorization": "Bearer x"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=headers)


@pytest.mark.parametrize(
    ("asked", "headers", "status", "code"),
    [
        ({}, {}, 422, "invalid_question"),
        ({"query": " "}, {}, 422, "invalid_question"),
        ({"query": "x", "source": "jira"}, {}, 422, "invalid_question"),
        ({"query": "x", "min_relevance": "NaN"}, {}, 422, "invalid_question"),
        ({"query": "x", "minimum": "1"}, {}, 422, "invalid_question"),
        ({"query": "x"}, {"Last-Event-ID": "nonsense"}, 422, "invalid_cursor"),
        ({"query": "x"}, {"Authorization": ""}, 401, "unauthenticated"),
    ],
)
async def test_what_is_not_usable_is_refused_before_a_stream_begins(
    client: httpx.AsyncClient, push: Push, asked: dict[str, str], headers: dict[str, str], status: int, code: str
) -> None:
    reply = await client.get("/v1/updates", params=asked, headers=headers)
    assert (reply.status_code, reply.json()["code"], len(push.streams)) == (status, code, 0)


async def test_an_expired_place_is_gone_and_one_stream_too_many_is_too_many(
    client: httpx.AsyncClient, push: Push, alice: Principal
) -> None:
    from schemas.update import Standing

    cursor = push.cursors.closed({0: 9, 1: 9}, alice, Standing(query="x"))
    reply = await client.get("/v1/updates", params={"query": "x"}, headers={"Last-Event-ID": cursor})
    assert (reply.status_code, reply.json()["code"], len(push.streams)) == (410, "cursor_expired", 0)
    _slot = push.streams.enter(alice)
    reply = await client.get("/v1/updates", params={"query": "x"})
    assert (reply.status_code, reply.json()["code"]) == (429, "too_many_streams")


async def test_a_stream_ends_with_a_last_word_and_frees_its_place(client: httpx.AsyncClient, push: Push) -> None:
    reply = await client.get("/v1/updates", params={"query": "x", "source": ["helpdesk", "wiki"], "for_seconds": 1})
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.headers["cache-control"] == "no-store"
    events = [line for line in reply.text.splitlines() if line.startswith("event: ")]
    assert (events, len(push.streams)) == (["event: heartbeat", "event: closed"], 0)
