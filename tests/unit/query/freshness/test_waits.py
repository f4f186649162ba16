"""Waiting for freshness: woken by progress, bounded in time and number, and never refusing by itself."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from query.asker import Asker, Mandate
from query.freshness.waits import Waits
from query.gateway.refusals import TenantBusy
from query.principal import Principal
from query.workers import Busy
from schemas.answer import Question

EVERYTHING = Mandate()
LONG = {"wait_seconds": 20}


@pytest.fixture
def looks(company, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """How many progress messages the view had at each look of who waits."""
    seen: list[int] = []
    progress = company.view.progress
    monkeypatch.setattr(company.view, "progress", lambda source: (seen.append(1), progress(source))[1])
    return seen


@pytest.fixture
def waiting(company) -> Callable[..., "asyncio.Task[None]"]:
    def waiting(
        waits: Waits | None = None, mandate: Mandate = EVERYTHING, tenant: str = "acme", **asked: Any
    ) -> "asyncio.Task[None]":
        waits = waits or Waits(company.grounds, company.clock, request_timeout_s=1000)
        asker = Asker(Principal("alice", tenant), mandate)
        return asyncio.create_task(waits.wait_for(asker, Question(query="printer", **{**LONG, **asked})))

    return waiting


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_who_waits_for_a_write_is_woken_when_it_is_searchable_and_not_before(company, beat, waiting) -> None:
    task = waiting(after={"helpdesk": "0/20"})
    await turns()
    for lsn, done in ((0x1F, False), (0x20, True)):
        company.pass_time(0.5)
        await asyncio.to_thread(beat, "helpdesk", lsn)
        await turns()
        assert task.done() is done
    await task


async def test_who_waits_for_freshness_is_woken_when_it_is_within(company, beat, waiting) -> None:
    company.pass_time(5)
    task = waiting(max_staleness_seconds=1, on_stale="wait", sources=["helpdesk"])
    await turns()
    assert not task.done()
    beat("helpdesk")
    await asyncio.wait_for(task, 5)


async def test_between_progress_nobody_looks(waiting, looks) -> None:
    task = waiting(after={"helpdesk": "0/20"})
    await turns()
    before = len(looks)
    await turns(50)
    assert before == len(looks) > 0
    task.cancel()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"max_staleness_seconds": 1, "on_stale": "flag"},
        {"max_staleness_seconds": 1, "on_stale": "fail"},
        {"after": {"helpdesk": "0/20"}, "wait_seconds": 0},
        {"after": {"jira": "0/20"}},
        {"max_staleness_seconds": {"jira": 1}, "on_stale": "wait"},
    ],
)
async def test_what_need_not_or_must_not_wait_does_not(company, waiting, asked: dict[str, Any]) -> None:
    company.pass_time(5)
    task = waiting(**asked)
    await turns()
    assert task.done()
    await task


async def test_a_source_beyond_the_token_is_not_waited_for(waiting) -> None:
    task = waiting(mandate=Mandate(sources=frozenset({"wiki"})), after={"helpdesk": "0/20"})
    await turns()
    assert task.done()


async def test_waiting_ends_with_the_questions_own_time_without_refusing(waiting) -> None:
    await asyncio.wait_for(waiting(after={"helpdesk": "0/20"}, wait_seconds=0.01), 5)


async def test_waiting_ends_before_the_time_limit_of_the_request(company, waiting) -> None:
    waits = Waits(company.grounds, company.clock, request_timeout_s=0.01)
    await asyncio.wait_for(waiting(waits, after={"helpdesk": "0/20"}), 5)


async def test_one_more_than_may_wait_is_refused_and_a_place_is_given_back(company, beat, waiting) -> None:
    waits = Waits(company.grounds, company.clock, request_timeout_s=1000, most=2)
    first, second = (waiting(waits, after={"helpdesk": "0/20"}, tenant=tenant) for tenant in ("acme", "rival"))
    await turns()
    with pytest.raises(Busy):
        await waiting(waits, after={"helpdesk": "0/20"})
    first.cancel()
    await turns()
    third = waiting(waits, after={"helpdesk": "0/20"})
    company.pass_time(1)
    await turns()
    beat("helpdesk", 0x20)
    await asyncio.wait_for(asyncio.gather(second, third), 5)
    assert len(company.view._woken) == 0


async def test_one_tenant_does_not_take_every_place(company, waiting) -> None:
    waits = Waits(company.grounds, company.clock, request_timeout_s=1000, most=4)
    places = [waiting(waits, after={"helpdesk": "0/20"}) for _ in range(3)]
    await turns()
    with pytest.raises(TenantBusy):
        await waiting(waits, after={"helpdesk": "0/20"})
    other = waiting(waits, after={"helpdesk": "0/20"}, tenant="rival")
    await turns()
    assert not other.done()
    for task in (*places, other):
        task.cancel()
