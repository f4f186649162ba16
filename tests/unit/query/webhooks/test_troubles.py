"""What cannot be decided, or goes wrong here, comes to an end, and holds nothing else up."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from update_stage import changed, label_of
from webhook_stage import LEASE_MS, Stage

from query.principal import Principal
from query.updates.match import matches
from query.webhooks.attempt import BACKOFF_S, LONGEST_MS
from schemas.update import Standing


@pytest.fixture
def stage(company: Any, alice: Principal, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(company, alice, tmp_path / "webhooks" / "webhooks.db")
    yield stage
    stage.database.close()


def test_what_goes_wrong_here_ends_after_as_many_tries_and_holds_nothing_else_back(stage: Stage) -> None:
    webhook = stage.hook()
    stage.tell(stage.printer(1), stage.printer(2))
    due, other = stage.store.take(stage.company.now.wall_ms, LEASE_MS, 10, [])
    stage.store.postpone(other.id, 0)
    for attempt in range(len(BACKOFF_S) + 1):
        stage.attempts.broken(replace(due, attempts=attempt))
        assert [ready.due.id for ready in stage.ready()] == [other.id]
        stage.store.postpone(other.id, 0)
    stage.attempts.delivered(other)
    stage.company.pass_time(LONGEST_MS / 1000)
    assert stage.store.take(stage.company.now.wall_ms, LEASE_MS, 10, []) == []
    assert [one.id for one in stage.store.tried(webhook.id, None, 10)] == [other.id]


def test_what_stays_undecided_is_looked_at_the_more_rarely(stage: Stage) -> None:
    stage.hook()
    stage.company.pass_time(1)
    stage.tell(changed(stage.company, "helpdesk/rows/1", "printer fire", label_of("bob@acme.example")))
    looks = 0
    for _ in range(60):
        stage.company.pass_time(1)
        stage.company.view.caught_up(stage.company.now.steady)
        stage.revocations.caught_up(stage.company.now.steady)
        due = stage.store.take(stage.company.now.wall_ms, LEASE_MS, 10, [])
        looks += len(due)
        for one in due:
            assert stage.attempts.prepare(one) is None
    assert 15 < looks < 35


def test_a_webhook_that_nothing_can_be_decided_for_holds_no_other_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.hook("a" * 32, Standing(query="unreadable"))
    stage.hook("b" * 32)
    decide = matches

    def deciding(parts: Any, asker: Any, about: Any, standing: Standing, updates: Any) -> Any:
        if standing.query == "unreadable":
            raise RuntimeError
        return decide(parts, asker, about, standing, updates)

    monkeypatch.setattr("query.webhooks.intake.matches", deciding)
    assert stage.tell(stage.printer()) == 2, "what cannot be decided is decided when it is to be sent"
