"""Several webhooks at once: one slow endpoint holds nobody else up."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from update_stage import PRINTERS, changed, label_of

from query.asker import Asker, Link, Mandate
from query.capabilities.revoked import Revocations
from query.principal import Principal
from query.webhooks.attempt import Attempts
from query.webhooks.database import SqliteDatabase
from query.webhooks.dispatch import Dispatcher
from query.webhooks.intake import Noting, Told
from query.webhooks.sending import NotDelivered
from query.webhooks.signing import Secrets
from query.webhooks.store import Kept, WebhookStore
from schemas.webhook import Webhook


class Endpoints:
    """A `Sender`: some never answer, some refuse, the others take it."""

    def __init__(self) -> None:
        self.took: list[str] = []
        self.hanging = asyncio.Event()

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> None:
        if "slow" in url:
            await self.hanging.wait()
        if "broken" in url:
            raise NotDelivered("status_500")
        self.took.append(url)


@pytest.fixture
async def stage(company: Any, alice: Principal, tmp_path: Path) -> Any:
    database = SqliteDatabase(tmp_path / "webhooks.db")
    store, secrets, revocations = WebhookStore(database), Secrets(b"k" * 32), Revocations(lambda: 0)
    revocations.caught_up(company.now.steady)
    attempts = Attempts(company.parts(), revocations, store, secrets)
    endpoints = Endpoints()
    dispatcher = Dispatcher(store, attempts, endpoints, company.clock)  # type: ignore[arg-type]
    now_ms = company.now.wall_ms
    for number, name in enumerate(("slow", "broken", "good")):
        webhook = Webhook(
            id=f"{number:032x}",
            url=f"https://{name}.example.com/",
            question=PRINTERS,
            made_ms=now_ms,
            expires_ms=now_ms + 10_000,
        )
        store.add(Kept.of(webhook, Asker(alice, Mandate(chain=(Link("a", "r"),), expires_ms=now_ms + 10_000)), ""), 9)
    noting = Noting(company.parts(), store, attempts, secrets)
    label = label_of("alice@acme.example")
    updates = [changed(company, f"helpdesk/rows/{n}", "printer fire", label) for n in range(3)]
    noting.note([Told(update, now_ms) for update in updates])
    yield company, store, endpoints, dispatcher
    endpoints.hanging.set()
    await dispatcher.idle()
    dispatcher._workers.close()
    database.close()


async def until(what: Any) -> None:
    async with asyncio.timeout(5):
        while not what():
            await asyncio.sleep(0)


async def test_a_slow_and_a_broken_endpoint_hold_no_other_up(stage: Any) -> None:
    _, store, endpoints, dispatcher = stage
    assert await dispatcher.step()
    await until(lambda: len(endpoints.took) == 3 and list(dispatcher._busy) == [f"{0:032x}"])
    assert set(endpoints.took) == {"https://good.example.com/"}
    assert [one.state for one in store.tried(f"{2:032x}", None, 9)] == ["done"] * 3
    assert [(one.state, one.error) for one in store.tried(f"{1:032x}", None, 9)] == [("due", "status_500")]


async def test_what_a_webhook_is_busy_with_is_not_begun_again(stage: Any) -> None:
    _, _, endpoints, dispatcher = stage
    await dispatcher.step()
    await until(lambda: list(dispatcher._busy) == [f"{0:032x}"])
    assert not await dispatcher.step()
    endpoints.hanging.set()
    await dispatcher.idle()
    assert endpoints.took.count("https://slow.example.com/") == 3


async def test_it_stops_when_told_to_and_leaves_the_rest_for_the_next_start(stage: Any) -> None:
    company, store, _, dispatcher = stage
    dispatcher._stopping.set()
    async with asyncio.timeout(5):
        await dispatcher.run()
    assert len(store.take(company.now.wall_ms, 1000, 50, [])) == 9


async def test_a_delivery_that_cannot_be_prepared_is_tried_so_often_and_holds_nothing_else_up(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    company, store, endpoints, dispatcher = stage
    prepare, poison = dispatcher._attempts.prepare, set[str]()

    def preparing(due: Any) -> Any:
        if due.webhook == f"{2:032x}" and (not poison or due.id in poison):
            poison.add(due.id)
            raise RuntimeError("a word of a record")
        return prepare(due)

    monkeypatch.setattr(dispatcher._attempts, "prepare", preparing)
    await dispatcher.step()
    await until(lambda: list(dispatcher._busy) == [f"{0:032x}"])
    assert endpoints.took == ["https://good.example.com/"] * 2
    company.pass_time(4)
    assert {due.id for due in store.take(company.now.wall_ms, 0, 50, [f"{0:032x}", f"{1:032x}"])} == set()
    company.pass_time(3)
    (due,) = store.take(company.now.wall_ms, 0, 50, [f"{0:032x}", f"{1:032x}"])
    assert ({due.id}, due.attempts) == (poison, 1)


async def test_whatever_goes_wrong_with_what_is_kept_it_goes_on_afterwards(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, store, endpoints, dispatcher = stage
    take, troubles = store.take, iter([ValueError])

    def taking(*asked: Any) -> Any:
        if trouble := next(troubles, None):
            raise trouble
        return take(*asked)

    monkeypatch.setattr(store, "take", taking)
    monkeypatch.setattr("query.webhooks.dispatch.RETRY_S", 0.0)
    running = asyncio.ensure_future(dispatcher.run())
    await until(lambda: len(endpoints.took) == 3)
    endpoints.hanging.set()
    dispatcher._stopping.set()
    async with asyncio.timeout(5):
        await running
