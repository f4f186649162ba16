"""Server-sent events: what is told, with what cursor, and how a stream ends."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest
from push_stage import ALICE, Stage, said
from update_stage import PRINTERS, changed, label_of

from query.asker import Circumstances
from query.gateway.cursor import Cursors
from query.gateway.refusals import InvalidCursor
from query.principal import Principal
from query.updates.places import UpdateCursors
from query.updates.refusals import StreamsBusy, TooManyStreams
from query.updates.stream import Client, EventStream, events
from query.updates.streams import Streams
from query.updates.subscription import Subscription
from schemas.errors import PermissionsUnknown, Unauthenticated
from schemas.update import Standing


@pytest.fixture
def stage(company: Any, alice: Principal) -> Iterator[Stage]:
    stage = Stage(company, alice)
    yield stage
    stage.workers.close()


async def test_it_begins_with_a_cursor_and_statuses_and_tells_what_comes(stage: Stage) -> None:
    async with aclosing(stage.stream()) as stream:
        first = await said(stream)
        assert (first["event"], [s["source"] for s in first["data"]["sources"]]) == ("heartbeat", ["helpdesk", "wiki"])
        stage.feed.tell(changed(stage.company, "helpdesk/rows/1", "printer fire", ALICE))
        hit = await said(stream)
        assert (hit["event"], hit["data"]["hit"]["text"]) == ("hit", "printer fire")
        opened = stage.push.cursors.opened(hit["id"], stage.alice, PRINTERS)
        assert opened == {0: 1, 1: 0}


async def test_the_first_cursor_already_misses_nothing_that_comes_after_it(stage: Stage) -> None:
    async with aclosing(stage.stream()) as stream:
        cursor = (await said(stream))["id"]
    stage.feed.tell(changed(stage.company, "helpdesk/rows/1", "printer fire", ALICE))
    async with aclosing(stage.stream(stage.push.cursors.opened(cursor, stage.alice, PRINTERS))) as stream:
        assert (await said(stream))["data"]["hit"]["record_id"] == "helpdesk/rows/1"


async def test_a_token_revoked_in_between_gets_nothing_more_and_is_told_so(stage: Stage) -> None:
    async with aclosing(stage.stream()) as stream:
        await said(stream)
        stage.refused = Unauthenticated()
        stage.feed.tell(changed(stage.company, "helpdesk/rows/1", "printer fire", ALICE))
        closed = await said(stream)
        assert (closed["event"], closed["data"]["code"]) == ("closed", "unauthenticated")
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
    assert stage.company.decisions.find() == []


async def test_the_token_is_verified_for_every_hit(stage: Stage) -> None:
    async with aclosing(stage.stream()) as stream:
        await said(stream)
        before = stage.verified
        stage.feed.tell(*(changed(stage.company, f"helpdesk/rows/{n}", "printer fire", ALICE) for n in range(3)))
        for _ in range(3):
            await said(stream)
        assert stage.verified - before >= 3


async def test_nothing_is_told_while_revocations_are_unknown_and_all_of_it_after_that(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.updates.stream.PAUSE_S", 0.01)
    async with aclosing(stage.stream()) as stream:
        await said(stream)
        stage.refused = PermissionsUnknown()
        stage.feed.tell(changed(stage.company, "helpdesk/rows/1", "printer fire", ALICE))
        assert await anext(stream) == b": waiting\n\n"
        stage.refused = None
        assert (await said(stream))["event"] == "hit"


async def test_permissions_that_move_wake_a_stream_that_waits_for_them(stage: Stage) -> None:
    stage.company.pass_time(1)
    async with aclosing(stage.stream()) as stream:
        await said(stream)
        label = label_of("nobody").model_copy(update={"readers": ("team:7#member",)})
        stage.feed.tell(changed(stage.company, "helpdesk/rows/1", "printer fire", label))
        waiting = asyncio.ensure_future(said(stream))
        async with asyncio.timeout(5):
            while stage.verified < 2:
                await asyncio.sleep(0)
        stage.company.grant("helpdesk/members/1", ("acme", "team:7", "member", "user:alice@acme.example"))
        while not waiting.done():
            stage.company.beat("helpdesk", "wiki")
            await asyncio.sleep(0)
        assert (await waiting)["data"]["hit"]["why"] == ["user:alice@acme.example", "team:7#member"]


async def test_a_server_that_stops_says_so_and_every_stream_ends(stage: Stage) -> None:
    async with aclosing(stage.stream()) as stream:
        await said(stream)
        stage.push.streams.end()
        assert (await said(stream))["data"]["code"] == "restarting"


async def test_a_place_that_is_no_longer_kept_closes_the_stream_with_its_code(stage: Stage) -> None:
    stage.feed.publish(changed(stage.company, "helpdesk/rows/1", "printer fire", ALICE))
    stage.feed.forgotten = 1
    async with aclosing(stage.stream({0: 0, 1: 0})) as stream:
        assert (await said(stream))["data"]["code"] == "cursor_expired"


async def test_one_asker_and_all_together_have_only_so_many_streams(alice: Principal, bob: Principal) -> None:
    streams = Streams(most=3, most_each=2)
    first, _second = streams.enter(alice), streams.enter(alice)
    with pytest.raises(TooManyStreams):
        streams.enter(alice)
    _third = streams.enter(bob)
    with pytest.raises(StreamsBusy):
        streams.enter(bob)
    first.leave()
    assert streams.enter(bob)


async def test_a_client_that_takes_nothing_is_cut_off_and_frees_its_place(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.updates.stream.SLOW_S", 0.01)
    slot = stage.push.streams.enter(stage.alice)
    subscription = Subscription(stage.push.parts, stage.feed, PRINTERS, stage.feed.end())
    client = Client(stage.verify, lambda: Circumstances(stage.company.now.wall_ms))
    response = EventStream(events(stage.push, client, subscription, slot), slot)
    never = asyncio.Event()

    async def send(message: Any) -> None:
        if message["type"] != "http.response.start":
            await never.wait()

    async def receive() -> Any:
        await never.wait()

    async with asyncio.timeout(5):
        await response({"type": "http", "asgi": {"version": "3.0"}}, receive, send)
    assert (len(stage.push.streams), stage.feed.woken) == (0, [])


def test_a_cursor_of_another_asker_another_question_or_altered_is_refused(alice: Principal, bob: Principal) -> None:
    cursors = UpdateCursors(Cursors(b"0" * 32))
    cursor = cursors.closed({0: 5, 1: 7}, alice, PRINTERS)
    assert cursors.opened(cursor, alice, PRINTERS) == {0: 5, 1: 7}
    tries = [(cursor, bob, PRINTERS), (cursor, alice, Standing(query="else")), (cursor[:-2], alice, PRINTERS)]
    for text, who, standing in [*tries, ("nonsense", alice, PRINTERS), ("", alice, PRINTERS)]:
        with pytest.raises(InvalidCursor):
            cursors.opened(text, who, standing)


def test_the_length_of_a_cursor_does_not_tell_how_much_changed(alice: Principal) -> None:
    cursors = UpdateCursors(Cursors(b"0" * 32))
    assert len({len(cursors.closed({0: at, 1: 0}, alice, PRINTERS)) for at in (0, 9, 10, 10**6, 2**63 - 1)}) == 1
