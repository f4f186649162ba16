"""Streams that were away for long, share a server with others, wait, or meet a bug."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest
from push_stage import ALICE, Stage, said
from update_stage import PRINTERS, changed, label_of

from query.asker import Asker
from query.gateway.refusals import TenantBusy
from query.principal import Principal
from query.updates import subscription
from schemas.errors import PermissionsUnknown, Unauthenticated


@pytest.fixture
def stage(company: Any, alice: Principal) -> Iterator[Stage]:
    stage = Stage(company, alice)
    yield stage
    stage.workers.close()


async def test_while_it_waits_nobody_can_tell_when_something_was_updated(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.updates.stream.PAUSE_S", 60.0)
    async with aclosing(stage.stream()) as stream:
        await said(stream)
        stage.refused = PermissionsUnknown()
        stage.feed.tell()
        assert await anext(stream) == b": waiting\n\n"
        waiting = asyncio.ensure_future(anext(stream))
        before = stage.verified
        async with asyncio.timeout(5):
            while stage.verified < before + 3:
                stage.feed.tell(changed(stage.company, "helpdesk/rows/1", "printer fire", label_of("bob@acme.example")))
                await asyncio.sleep(0)
        assert not waiting.done()
        stage.refused = None
        stage.feed.tell(changed(stage.company, "helpdesk/rows/2", "printer fire", ALICE))
        assert (await waiting).startswith(b"event: hit\n")


def behind(stage: Stage) -> None:
    """Much that alice may not see was missed, and then one thing that she may."""
    bobs = changed(stage.company, "helpdesk/rows/1", "printer fire", label_of("bob@acme.example"))
    stage.feed.publish(*[bobs] * 400, changed(stage.company, "helpdesk/rows/2", "printer fire", ALICE))
    stage.company.beat("helpdesk", "wiki")


async def test_a_token_revoked_while_a_stream_catches_up_gets_no_hit_any_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind(stage)
    read = stage.feed.read

    def reading(*asked: Any) -> Any:
        stage.refused = Unauthenticated()
        return read(*asked)

    monkeypatch.setattr(stage.feed, "read", reading)
    async with aclosing(stage.stream({0: 0, 1: 0})) as stream:
        events = [(await said(stream)) for _ in range(2)]
    assert [event["event"] for event in events] == ["heartbeat", "closed"]
    assert stage.company.decisions.find() == []


async def test_a_stream_that_catches_up_says_how_far_it_is_on_the_way(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.updates.stream.HEARTBEAT_S", 0.0)
    behind(stage)
    async with aclosing(stage.stream({0: 0, 1: 0})) as stream:
        first = await said(stream)
        assert first["event"] == "heartbeat"
        assert 0 < stage.push.cursors.opened(first["id"], stage.alice, PRINTERS)[0] < 400
        while (event := await said(stream))["event"] == "heartbeat":
            pass
        assert event["data"]["hit"]["record_id"] == "helpdesk/rows/2"


async def test_permissions_that_move_while_something_is_decided_are_not_missed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.company.pass_time(1)
    label = label_of("nobody").model_copy(update={"readers": ("team:7#member",)})
    decide, moves = subscription.matches, iter([True])

    def matching(*asked: Any) -> Any:
        outcomes = decide(*asked)
        if next(moves, False):
            stage.company.grant("helpdesk/members/1", ("acme", "team:7", "member", "user:alice@acme.example"))
            stage.company.beat("helpdesk", "wiki")
        return outcomes

    async with aclosing(stage.stream()) as stream:
        await said(stream)
        monkeypatch.setattr(subscription, "matches", matching)
        stage.feed.tell(changed(stage.company, "helpdesk/rows/1", "printer fire", label))
        assert (await said(stream))["event"] == "hit"


async def test_the_streams_of_one_tenant_leave_room_for_those_of_another(stage: Stage) -> None:
    released = threading.Event()

    def slow() -> Asker:
        released.wait(30)
        return Asker(stage.alice)

    async with aclosing(stage.stream(verify=slow)) as one, aclosing(stage.stream(verify=slow)) as two:
        waiting = [asyncio.ensure_future(said(stream)) for stream in (one, two)]
        await asyncio.sleep(0)
        other = Principal("carol", "umbrella")
        async with aclosing(stage.stream(who=other, verify=lambda: Asker(other))) as stream:
            assert (await said(stream))["event"] == "heartbeat"
        released.set()
        assert [event["event"] for event in await asyncio.gather(*waiting)] == ["heartbeat"] * 2


async def test_a_tenant_with_too_much_under_way_waits_and_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.updates.stream.PAUSE_S", 0.01)
    refusals, run_for = iter([TenantBusy]), stage.workers.run_for

    async def busy(*asked: Any) -> Any:
        if refusal := next(refusals, None):
            raise refusal
        return await run_for(*asked)

    monkeypatch.setattr(stage.workers, "run_for", busy)
    async with aclosing(stage.stream()) as stream:
        assert (await said(stream))["event"] == "heartbeat"


async def test_a_bug_closes_the_stream_with_a_code_and_no_word_of_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("a word of a record")

    async with aclosing(stage.stream()) as stream:
        await said(stream)
        monkeypatch.setattr(stage.feed, "read", broken)
        stage.feed.tell()
        closed = await said(stream)
        assert (closed["event"], closed["data"]["code"]) == ("closed", "internal_error")
        assert "word" not in closed["data"]["detail"]
        with pytest.raises(RuntimeError):
            await anext(stream)
