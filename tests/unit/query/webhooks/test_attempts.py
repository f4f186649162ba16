"""From an update to an attempt: everything is checked again each time, and nothing is lost on the way."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from update_stage import changed, deleted, label_of
from webhook_stage import LEASE_MS, Stage

from query.asker import Asker, Budget, Link, Mandate
from query.principal import Principal
from query.webhooks.attempt import BACKOFF_S, LONGEST_MS
from query.webhooks.database import SqliteDatabase
from query.webhooks.intake import Told
from query.webhooks.store import Kept, WebhookStore
from schemas.errors import IndexUnavailable
from schemas.revocation import Revocation


@pytest.fixture
def stage(company: Any, alice: Principal, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(company, alice, tmp_path / "webhooks" / "webhooks.db")
    yield stage
    stage.database.close()


def test_a_permitted_relevant_update_is_sent_signed_and_on_record(stage: Stage) -> None:
    webhook = stage.hook()
    stage.tell(stage.printer())
    (ready,) = stage.ready()
    body = json.loads(ready.body)
    assert (body["type"], body["data"]["webhook"], body["data"]["hit"]["text"]) == (
        "freshline.update",
        webhook.id,
        "printer fire",
    )
    assert set(ready.headers) == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert (ready.url, stage.records()) == (webhook.url, 1)


def test_an_update_told_twice_is_delivered_once(stage: Stage) -> None:
    stage.hook()
    update = stage.printer()
    stage.tell(update)
    (ready,) = stage.ready()
    stage.attempts.delivered(ready.due)
    stage.tell(update)
    stage.company.pass_time(2 * LEASE_MS / 1000)
    assert stage.ready() == []


def test_nothing_that_is_denied_is_noted_or_sent(stage: Stage) -> None:
    stage.hook()
    stage.company.beat("helpdesk", "wiki")
    noted = stage.tell(changed(stage.company, "helpdesk/rows/1", "printer fire", label_of("bob@acme.example")))
    assert (noted, stage.ready(), stage.records()) == (0, [], 0)


def test_what_was_permitted_when_it_was_noted_and_is_not_any_more_is_not_sent(stage: Stage) -> None:
    stage.hook()
    stage.tell(stage.printer())
    stage.company.put("helpdesk/rows/1", "printer fire", label_of("bob@acme.example"))
    stage.company.beat("helpdesk", "wiki")
    assert (stage.ready(), stage.records()) == ([], 0)


def test_what_was_deleted_since_is_not_sent(stage: Stage) -> None:
    stage.hook()
    stage.tell(stage.printer())
    deleted(stage.company, "helpdesk/rows/1")
    assert stage.ready() == []


def test_a_revoked_token_ends_its_webhook_with_all_that_waits(stage: Stage) -> None:
    webhook = stage.hook()
    stage.tell(stage.printer())
    stage.revocations.take(b"r1", Revocation(id="r1", revoked_ms=0, expires_ms=None).model_dump_json().encode())
    assert (stage.ready(), stage.store.get(webhook.id), stage.records()) == ([], None, 0)
    stage.revocations.clear()
    stage.revocations.caught_up(stage.company.now.steady)
    assert stage.ready() == [], "what waited is forgotten"


def test_an_expired_token_ends_its_webhook(stage: Stage) -> None:
    webhook = stage.hook()
    stage.tell(stage.printer())
    stage.company.pass_time(3_601)
    stage.company.beat("helpdesk", "wiki")
    stage.company.view.caught_up(stage.company.now.steady)
    stage.revocations.caught_up(stage.company.now.steady)
    assert (stage.ready(), stage.store.get(webhook.id)) == ([], None)


def test_nothing_is_sent_while_it_is_not_known_what_is_revoked_and_all_of_it_after_that(stage: Stage) -> None:
    stage.hook()
    stage.revocations.clear()
    assert stage.tell(stage.printer()) == 1
    assert (stage.ready(), stage.records()) == ([], 0)
    stage.revocations.caught_up(stage.company.now.steady)
    stage.company.pass_time(1)
    assert len(stage.ready()) == 1


def test_updates_that_cannot_be_decided_are_kept_and_sent_when_the_index_is_back(stage: Stage) -> None:
    stage.hook()

    def away() -> Any:
        raise IndexUnavailable()

    stage.changed(live=away)
    assert stage.tell(stage.printer()) == 1
    assert stage.ready() == []
    stage.changed()
    stage.company.pass_time(1)
    assert len(stage.ready()) == 1


def test_a_grant_that_comes_later_than_the_row_loses_no_delivery(stage: Stage) -> None:
    stage.hook()
    stage.company.pass_time(1)
    team = label_of("nobody").model_copy(update={"readers": ("team:7#member",)})
    assert stage.tell(changed(stage.company, "helpdesk/rows/1", "printer fire", team)) == 1
    assert stage.ready() == []
    stage.company.grant("helpdesk/members/1", ("acme", "team:7", "member", "user:alice@acme.example"))
    stage.company.pass_time(1)
    assert len(stage.ready()) == 1


def test_of_several_versions_the_newest_is_sent_once(stage: Stage) -> None:
    stage.hook()
    first = stage.printer()
    second = stage.printer(text="printer fire is out")
    stage.tell(first, second)
    sent = [*stage.ready(), *stage.ready()]
    assert [json.loads(ready.body)["data"]["hit"]["text"] for ready in sent] == ["printer fire is out"]
    stage.tell(first)
    assert stage.ready() == []


def test_an_update_from_before_the_webhook_was_made_is_none_of_it(stage: Stage) -> None:
    update = stage.printer()
    stage.company.pass_time(1)
    stage.hook()
    assert stage.noting.note([Told(update, stage.company.now.wall_ms - 1)]) == 0


def test_a_row_budget_that_is_spent_sends_nothing_more(stage: Stage) -> None:
    stage.hook(rows=1, budgets=(Budget("r1", 1),))
    stage.tell(stage.printer(1), stage.printer(2))
    assert (len(stage.ready()), stage.records()) == (1, 1)


def test_failures_are_tried_again_ever_later_and_then_dead_and_can_be_sent_again(stage: Stage) -> None:
    webhook = stage.hook()
    stage.tell(stage.printer())
    before = stage.company.now.wall_ms
    for attempt, pause_s in enumerate(BACKOFF_S[:5]):
        (ready,) = stage.ready()
        stage.attempts.failed(ready.due, "status_500", is_gone=False)
        (tried,) = stage.store.tried(webhook.id, "due", 10)
        assert (tried.attempts, tried.error) == (attempt + 1, "status_500")
        assert 0.79 * pause_s <= (tried.due_ms - stage.company.now.wall_ms) / 1000 <= 1.21 * pause_s
        assert stage.ready() == []
        go_on(stage, 1.3 * pause_s)
    (ready,) = stage.ready()
    stage.company.pass_time((LONGEST_MS + before - stage.company.now.wall_ms) / 1000)
    stage.attempts.failed(ready.due, "timed_out", is_gone=False)
    (dead,) = stage.store.tried(webhook.id, "dead", 10)
    assert (dead.error, dead.id) == ("timed_out", ready.due.id)
    assert stage.store.redeliver(webhook.id, stage.company.now.wall_ms) == 1
    assert stage.store.tried(webhook.id, "dead", 10) == []


def go_on(stage: Stage, seconds: float) -> None:
    """Time passes, everything keeps up, and the token still counts."""
    stage.company.pass_time(seconds)
    stage.company.beat("helpdesk", "wiki")
    stage.company.view.caught_up(stage.company.now.steady)
    stage.revocations.caught_up(stage.company.now.steady)
    kept = stage.store.get("a" * 32)
    assert kept is not None
    webhook = kept.webhook.model_copy(update={"expires_ms": stage.company.now.wall_ms + 3_600_000})
    stage.database.run(
        "UPDATE freshline_webhooks SET body = ?", (kept.model_copy(update={"webhook": webhook}).model_dump_json(),)
    )


def test_a_failure_holds_back_the_rest_of_its_webhook_and_no_other(stage: Stage) -> None:
    stage.hook("a" * 32)
    stage.hook("b" * 32)
    stage.tell(stage.printer(1), stage.printer(2))
    ready = stage.ready()
    (first, *_) = [one for one in ready if one.due.webhook == "a" * 32]
    stage.attempts.failed(first.due, "timed_out", is_gone=False)
    stage.company.pass_time(2)
    for one in ready:
        stage.store.postpone(one.due.id, 0) if one.due.webhook == "b" * 32 else None
    assert {one.due.webhook for one in stage.ready()} == {"b" * 32}


def test_an_endpoint_that_is_gone_ends_its_webhook(stage: Stage) -> None:
    webhook = stage.hook()
    stage.tell(stage.printer())
    (ready,) = stage.ready()
    stage.attempts.failed(ready.due, "status_410", is_gone=True)
    assert stage.store.get(webhook.id) is None


def test_what_a_process_took_and_never_settled_is_due_again_after_its_lease(stage: Stage) -> None:
    stage.hook()
    stage.tell(stage.printer())
    now_ms = stage.company.now.wall_ms
    taken = stage.store.take(now_ms, LEASE_MS, 10, [])
    assert (len(taken), stage.store.take(now_ms, LEASE_MS, 10, [])) == (1, [])
    assert [due.id for due in stage.store.take(now_ms + LEASE_MS, LEASE_MS, 10, [])] == [taken[0].id]


def test_one_webhook_takes_only_its_share_of_what_is_taken_at_once(stage: Stage) -> None:
    stage.hook("a" * 32)
    stage.tell(*(stage.printer(n) for n in range(30)))
    stage.company.pass_time(1)
    stage.hook("b" * 32)
    stage.tell(stage.printer(99))
    taken = stage.store.take(stage.company.now.wall_ms, LEASE_MS, 50, [])
    assert sorted(due.webhook[0] for due in taken) == ["a"] * 4 + ["b"]
    assert stage.store.take(stage.company.now.wall_ms, LEASE_MS, 50, ["a" * 32]) == []


def test_deliveries_that_never_left_are_listed_to_nobody(stage: Stage) -> None:
    webhook = stage.hook()
    stage.tell(stage.printer())
    assert stage.store.tried(webhook.id, None, 10) == []


def test_all_of_it_survives_a_restart(stage: Stage, tmp_path: Path) -> None:
    webhook = stage.hook()
    stage.tell(stage.printer())
    again = SqliteDatabase(tmp_path / "webhooks" / "webhooks.db")
    store = WebhookStore(again)
    kept = store.get(webhook.id)
    assert kept is not None
    assert kept.who() == Asker(stage.alice, Mandate(chain=(Link("agent", "r1"),), expires_ms=webhook.expires_ms)), (
        "whose right it is, whole"
    )
    assert len(store.take(stage.company.now.wall_ms, LEASE_MS, 10, [])) == 1
    again.close()


def test_no_token_and_no_secret_is_kept(stage: Stage, tmp_path: Path) -> None:
    webhook = stage.hook()
    stage.database.close()
    kept = b"".join(file.read_bytes() for file in (tmp_path / "webhooks").iterdir())
    assert webhook.id.encode() in kept
    assert stage.secrets.of(webhook.id).removeprefix("whsec_").encode() not in kept


def test_one_asker_has_only_so_many_webhooks(stage: Stage) -> None:
    webhook = stage.hook()
    kept = stage.store.get(webhook.id)
    assert kept is not None
    more: Callable[[int], Kept] = lambda n: kept.model_copy(  # noqa: E731
        update={"webhook": webhook.model_copy(update={"id": f"{n:032x}"})}
    )
    assert [stage.store.add(more(n), most=3) for n in range(4)] == [True, True, False, False]
