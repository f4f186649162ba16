"""A standing question: what comes of it over disconnects, and what ends it. Both clients, and the flow alone."""

import asyncio
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from client_stage import Api, a_hit

from query.client import AsyncClient, Client, Retries, calls
from query.client.call import Lost, Reply
from query.client.errors import (
    BudgetSpent,
    CursorExpired,
    InvalidQuestion,
    Refused,
    TooManyStreams,
    Unauthenticated,
    Unavailable,
)
from query.client.following import Following, Manner, News
from query.problems import problem_response
from schemas.update import Closed, Pushed

Follow = Callable[..., list[News]]
AT_ONCE = Retries(base_s=0.0)


def pushed(number: int) -> Pushed:
    return Pushed(id=f"wiki/wiki.pages/{number}@1", answer_id="a" * 32, kind="changed", hit=a_hit())


def hit(cursor: str, number: int) -> bytes:
    return f"id: {cursor}\nevent: hit\ndata: {pushed(number).model_dump_json()}\n\n".encode()


def closed(code: str) -> bytes:
    return f"event: closed\ndata: {Closed(code=code, detail='in these words').model_dump_json()}\n\n".encode()


class Bytes(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A stream in parts; it breaks at the end where an error is among them."""

    def __init__(self, *parts: bytes | Exception) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if isinstance(part, Exception):
                raise part
            yield part

    async def __aiter__(self):
        for part in self:
            yield part


def stream(*parts: bytes | Exception) -> httpx.Response:
    return httpx.Response(200, stream=Bytes(*parts))


def refusal(error: Refused) -> httpx.Response:
    return httpx.Response(error.status, content=bytes(problem_response(error).body))


@pytest.fixture(params=["waiting", "awaited"])
def follow(request: pytest.FixtureRequest) -> Follow:
    """The first `most` news of a standing question."""

    def waiting(api: Api, most: int, token: Any = "t0ken", **options: Any) -> list[News]:
        transport = httpx.MockTransport(api.handle)
        with Client("http://api", token, transport=transport, retries=AT_ONCE) as client:
            return list(itertools.islice(client.updates("printer", **options), most))

    def awaited(api: Api, most: int, token: Any = "t0ken", **options: Any) -> list[News]:
        async def run() -> list[News]:
            transport, found = httpx.MockTransport(api.handle), []
            async with AsyncClient("http://api", token, transport=transport, retries=AT_ONCE) as client:
                following = client.updates("printer", **options)
                async for news in following:
                    found.append(news)
                    if len(found) == most:
                        break
                await following.aclose()
            return found

        return asyncio.run(run())

    return {"waiting": waiting, "awaited": awaited}[request.param]


def test_news_comes_in_order_and_a_broken_stream_goes_on_after_the_last(follow: Follow) -> None:
    api = Api(
        [
            stream(b": alive\n\n", hit("c1", 1), httpx.ReadError("gone")),
            httpx.ConnectError("away"),
            stream(hit("c2", 2) + hit("c3", 3), hit("c4", 4)[:-1]),
            stream(hit("c4", 4)),
        ]
    )
    found = follow(api, 4, sources=["wiki", "crm"], min_relevance=0.5)
    assert found == [News(f"c{number}", pushed(number)) for number in range(1, 5)]
    assert [request.headers.get("last-event-id") for request in api.seen] == [None, "c1", "c1", "c3"]
    assert {str(request.url.query, "ascii") for request in api.seen} == {
        "query=printer&source=wiki&source=crm&min_relevance=0.5"
    }


def test_it_begins_after_a_cursor_that_was_kept(follow: Follow) -> None:
    api = Api([stream(hit("c9", 9))])
    follow(api, 1, cursor="c8")
    assert api.seen[0].headers["last-event-id"] == "c8"


def test_an_id_alone_moves_on_where_it_goes_on(follow: Follow) -> None:
    api = Api([stream(b"id: c1\n\n"), stream(hit("c2", 2))])
    follow(api, 1)
    assert api.seen[1].headers["last-event-id"] == "c1"


def test_what_is_not_known_is_passed_over(follow: Follow) -> None:
    assert len(follow(Api([stream(b"event: mood\ndata: good\n\n", hit("c1", 1))]), 1)) == 1


def test_a_server_that_restarts_is_asked_again(follow: Follow) -> None:
    api = Api([stream(hit("c1", 1), closed("restarting")), stream(hit("c2", 2))])
    assert [news.cursor for news in follow(api, 2)] == ["c1", "c2"]


@pytest.mark.parametrize("kind", [Unauthenticated, BudgetSpent, InvalidQuestion])
def test_a_stream_that_is_closed_for_good_raises_why(follow: Follow, kind: type[Refused]) -> None:
    with pytest.raises(kind, match="in these words"):
        follow(Api([stream(hit("c1", 1), closed(kind.code))]), 2)


def test_a_code_of_a_later_version_closes_for_good_too(follow: Follow) -> None:
    with pytest.raises(Refused) as raised:
        follow(Api([stream(closed("of_a_later_version"))]), 1)
    assert raised.value.code == "of_a_later_version"


def test_a_token_that_has_ended_is_renewed_where_it_can_be(follow: Follow) -> None:
    tokens = iter(["first", "second"])
    api = Api([stream(closed("unauthenticated")), stream(hit("c1", 1))])
    assert len(follow(api, 1, token=lambda: next(tokens))) == 1
    assert [request.headers["authorization"] for request in api.seen] == ["Bearer first", "Bearer second"]


def test_a_renewed_token_that_is_refused_ends_it(follow: Follow) -> None:
    api = Api([stream(closed("unauthenticated")), refusal(Unauthenticated())])
    with pytest.raises(Unauthenticated):
        follow(api, 1, token=lambda: "t0ken")


@pytest.mark.parametrize("error", [CursorExpired(), InvalidQuestion("no"), Unauthenticated()])
def test_a_refusal_is_raised_at_once(follow: Follow, error: Refused) -> None:
    api = Api([refusal(error)])
    with pytest.raises(type(error)):
        follow(api, 1)
    assert len(api.seen) == 1


def test_nonsense_is_unavailable_and_not_quoted(follow: Follow) -> None:
    with pytest.raises(Unavailable) as raised:
        follow(Api([stream(b"event: hit\ndata: secret\n\n")]), 1)
    assert "secret" not in str(raised.value)


def test_a_question_that_is_not_usable_is_refused_before_it_is_sent(follow: Follow) -> None:
    api = Api([stream()])
    with pytest.raises(InvalidQuestion, match="min_relevance"):
        follow(api, 1, min_relevance=2)
    assert api.seen == []


class Flow:
    """A Following with a clock moved by hand and pauses that are the longest they can be."""

    def __init__(self, for_s: float = math.inf) -> None:
        self.now = 0.0
        longest = Retries(base_s=1.0, most_s=5.0, draw=lambda: 1.0)
        request = calls.updates(calls.standing_of("printer"))
        manner = Manner(longest, begin_s=30.0, patience_s=300.0, for_s=for_s)
        self.following = Following(request, "", manner, lambda: self.now)

    def connection(self, *parts: bytes, lasts_s: float = 0.0) -> int:
        self.following.connect()
        self.now += lasts_s
        return sum(len(list(self.following.received(part))) for part in parts)

    def broken(self, how: Reply | Lost) -> float:
        pause_s = self.following.broken(how)
        self.now += pause_s
        return pause_s


GONE = Lost("ReadError")


def test_pauses_grow_while_nothing_comes_and_begin_anew_after_news() -> None:
    flow = Flow()
    assert [(flow.connection(), flow.broken(GONE))[1] for _ in range(4)] == [2.0, 4.0, 5.0, 5.0]
    flow.connection(hit("c1", 1))
    assert flow.broken(GONE) == 2.0


def test_a_server_that_closes_at_once_each_time_is_not_asked_faster_and_faster() -> None:
    flow = Flow()
    assert [(flow.connection(closed("restarting")), flow.broken(GONE))[1] for _ in range(3)] == [2.0, 4.0, 5.0]


def test_a_long_connection_counts_as_a_new_beginning() -> None:
    flow = Flow()
    flow.connection(), flow.broken(GONE), flow.connection(), flow.broken(GONE)
    flow.connection(b": alive\n\n", lasts_s=6.0)
    assert flow.broken(GONE) == 2.0


def test_who_never_answered_is_given_up_soon_and_who_did_later() -> None:
    def given_up_after(flow: Flow) -> float:
        with pytest.raises(Unavailable, match="ReadError"):
            list(iter(lambda: flow.broken(GONE), None))
        return flow.now

    assert 20.0 < given_up_after(Flow()) <= 30.0
    heard = Flow()
    heard.connection(b": alive\n\n")
    assert 290.0 < given_up_after(heard) <= 300.0


def test_each_connection_is_asked_for_the_time_that_is_left_and_then_it_is_over() -> None:
    flow = Flow(for_s=10.0)
    asked = flow.following.connect()
    assert ("for_seconds", 10) in asked.params
    flow.now = 3.5
    assert flow.following.broken(GONE) == 2.0
    assert ("for_seconds", 7) in flow.following.connect().params
    flow.now = 9.0
    assert flow.following.broken(GONE) == 1.0
    assert not flow.following.over
    flow.now = 10.0
    assert flow.following.over


def test_a_standing_question_ends_when_its_time_is_over(follow: Follow) -> None:
    api = Api([stream(hit("c1", 1), closed("over"))])
    assert [news.cursor for news in follow(api, 2, for_s=60.0)] == ["c1"]
    assert len(api.seen) == 1


def test_the_servers_wish_is_kept() -> None:
    too_many = problem_response(TooManyStreams())
    assert Flow().broken(Reply(429, bytes(too_many.body), 7.0)) == 9.0
