"""A standing question at its place: nothing lost, nothing twice, nothing that a search would not show."""

from typing import Any

import orjson
import pytest
from update_stage import PRINTERS, ListLog, changed, deleted, label_of, with_label

from query.asker import Asker, Budget, Circumstances, Link, Mandate
from query.budget import BudgetSpent
from query.principal import Principal
from query.updates.subscription import Event, Subscription
from schemas.errors import IndexUnavailable, InvalidQuestion, PermissionsUnknown
from schemas.label import LabelDefinition
from schemas.update import Standing

ALICE = label_of("alice@acme.example")
TEAM = "team:7#member"


@pytest.fixture
def log() -> ListLog:
    return ListLog()


def listen(company: Any, log: ListLog, standing: Standing = PRINTERS, places: Any = None) -> Subscription:
    return Subscription(company.parts(), log, standing, log.end() if places is None else places)


def all_of(company: Any, subscription: Subscription, who: Principal | Asker) -> list[Event]:
    asker = who if isinstance(who, Asker) else Asker(who)
    found = []
    while (event := subscription.next(asker, Circumstances(company.now.wall_ms))) or subscription.more:
        found += [event] if event else []
    return found


def names(events: list[Event]) -> list[str]:
    return [event.pushed.hit.record_id.rpartition("/")[2] for event in events]


def test_a_permitted_relevant_change_is_told_with_its_content_of_now(
    company: Any, log: ListLog, alice: Principal
) -> None:
    subscription = listen(company, log)
    log.publish(changed(company, "helpdesk/rows/1", "printer fire", ALICE))
    (event,) = all_of(company, subscription, alice)
    hit = event.pushed.hit
    assert (hit.text, hit.why, hit.relevance > 0.9) == ("printer fire", ["user:alice@acme.example"], True)
    assert (event.pushed.id, event.places) == (f"helpdesk/rows/1@{hit.position}", {0: 1, 1: 0})


def test_what_is_told_is_on_record_as_an_answer_before_it_leaves(company: Any, log: ListLog, alice: Principal) -> None:
    subscription = listen(company, log)
    log.publish(changed(company, "helpdesk/rows/1", "printer fire", ALICE))
    (event,) = all_of(company, subscription, alice)
    (entry,) = company.decisions.find()
    record = orjson.loads(entry.payload.body)
    assert (record["id"], record["status"]) == (event.pushed.answer_id, "answered")
    assert [one["record_id"] for one in record["shown"]] == ["helpdesk/rows/1"]


def test_what_others_may_see_is_not_told_and_not_on_record(company: Any, log: ListLog, bob: Principal) -> None:
    subscription = listen(company, log)
    log.publish(changed(company, "helpdesk/rows/1", "printer fire", ALICE))
    company.beat("helpdesk", "wiki")
    assert all_of(company, subscription, bob) == []
    assert (company.decisions.find(), subscription.waits, subscription.places) == ([], False, {0: 1, 1: 0})


def test_the_same_name_in_another_tenant_is_told_nothing_at_once(company: Any, log: ListLog) -> None:
    company.pass_time(1)  # no watermark has passed the update yet
    subscription = listen(company, log)
    log.publish(changed(company, "helpdesk/rows/1", "printer fire", ALICE))
    assert all_of(company, subscription, Principal("alice@acme.example", "umbrella")) == []
    assert not subscription.waits


def test_what_is_less_relevant_or_of_another_source_is_not_told(company: Any, log: ListLog, alice: Principal) -> None:
    near = listen(company, log, Standing(query="printer fire", min_relevance=0.9))
    wiki = listen(company, log, Standing(query="printer fire", sources=["wiki"]))
    log.publish(
        changed(company, "helpdesk/rows/1", "holiday plans for the summer", ALICE),
        changed(company, "helpdesk/rows/2", "printer fire", ALICE),
        changed(company, "wiki/rows/3", "printer fire", ALICE),
    )
    assert names(all_of(company, near, alice)) == ["2", "3"]
    assert names(all_of(company, wiki, alice)) == ["3"]


def test_a_grant_that_comes_later_than_the_row_loses_no_update(company: Any, log: ListLog, alice: Principal) -> None:
    company.pass_time(1)
    subscription = listen(company, log)
    label = label_of("nobody").model_copy(update={"readers": (TEAM,)})
    log.publish(changed(company, "helpdesk/rows/1", "printer fire", label))
    log.publish(changed(company, "helpdesk/rows/2", "printer fire again", ALICE))
    (early,) = all_of(company, subscription, alice)
    assert names([early]) == ["2"]
    assert (subscription.waits, early.places[0], subscription.places[0]) == (True, 0, 0), "the cursor must not pass it"
    company.grant("helpdesk/members/1", ("acme", "team:7", "member", "user:alice@acme.example"))
    subscription.moved = True
    assert names(all_of(company, subscription, alice)) == ["1"]
    assert (subscription.waits, subscription.places[0]) == (False, 2)


def test_a_label_that_nobody_knows_yet_waits_and_is_decided_by_the_watermark(
    company: Any, log: ListLog, alice: Principal
) -> None:
    company.pass_time(1)
    subscription = listen(company, log)
    changed(company, "helpdesk/rows/1", "printer fire", ALICE)
    log.publish(with_label(company, "helpdesk/rows/1", label_of("alice@acme.example", "unknown")))
    assert (all_of(company, subscription, alice), subscription.waits) == ([], True)
    company.beat("helpdesk", "wiki")
    subscription.moved = True
    assert (all_of(company, subscription, alice), subscription.waits) == ([], False)


def test_a_label_that_comes_before_the_watermark_is_told(company: Any, log: ListLog, alice: Principal) -> None:
    company.pass_time(1)
    subscription = listen(company, log)
    late = label_of("alice@acme.example", "late")
    changed(company, "helpdesk/rows/1", "printer fire", ALICE)
    log.publish(with_label(company, "helpdesk/rows/1", late))
    assert all_of(company, subscription, alice) == []
    company.view.define(LabelDefinition.of(late))
    company.beat("helpdesk", "wiki")
    subscription.moved = True
    assert names(all_of(company, subscription, alice)) == ["1"]


def test_of_several_versions_the_newest_is_told_once(company: Any, log: ListLog, alice: Principal) -> None:
    subscription = listen(company, log)
    first = changed(company, "helpdesk/rows/1", "printer fire", ALICE)
    second = changed(company, "helpdesk/rows/1", "printer fire is out", ALICE)
    log.publish(first, second, second)
    (event,) = all_of(company, subscription, alice)
    assert (event.pushed.hit.text, event.pushed.hit.position) == ("printer fire is out", second.position)


def test_a_record_that_was_deleted_or_taken_away_meanwhile_is_not_told(
    company: Any, log: ListLog, alice: Principal
) -> None:
    subscription = listen(company, log)
    gone = changed(company, "helpdesk/rows/1", "printer fire", ALICE)
    taken = changed(company, "helpdesk/rows/2", "printer fire", ALICE)
    deleted(company, "helpdesk/rows/1")
    company.put("helpdesk/rows/2", "printer fire", label_of("bob@acme.example"))
    company.beat("helpdesk", "wiki")
    log.publish(gone, taken)
    assert all_of(company, subscription, alice) == []


def test_who_goes_on_from_an_event_gets_the_rest_and_misses_nothing(
    company: Any, log: ListLog, alice: Principal
) -> None:
    subscription = listen(company, log)
    for number in range(5):
        log.publish(changed(company, f"helpdesk/rows/{number}", "printer fire", ALICE), partition=number % 2)
    told = all_of(company, subscription, alice)
    assert sorted(names(told)) == list("01234")
    for at, event in enumerate(told):
        rest = all_of(company, listen(company, log, places=event.places), alice)
        assert {*names(told[: at + 1]), *names(rest)} == set("01234")
        assert names(rest) == names(told[at + 1 :])


@pytest.mark.parametrize("error", [IndexUnavailable, PermissionsUnknown])
def test_what_could_not_be_decided_is_told_when_it_can_be(
    company: Any, log: ListLog, alice: Principal, error: type[Exception]
) -> None:
    subscription = listen(company, log)
    log.publish(changed(company, "helpdesk/rows/1", "printer fire", ALICE))
    real = subscription._parts

    def away() -> Any:
        raise error

    subscription._parts = company.parts(live=away)
    with pytest.raises(error):
        all_of(company, subscription, alice)
    subscription._parts = real
    assert names(all_of(company, subscription, alice)) == ["1"]


def test_a_view_that_is_too_old_tells_nothing(company: Any, log: ListLog, alice: Principal) -> None:
    subscription = listen(company, log)
    log.publish(changed(company, "helpdesk/rows/1", "printer fire", ALICE))
    company.pass_time(60)
    with pytest.raises(PermissionsUnknown):
        all_of(company, subscription, alice)
    assert company.decisions.find() == []


def test_a_row_budget_ends_the_telling(company: Any, log: ListLog, alice: Principal) -> None:
    mandate = Mandate(rows=2, chain=(Link("agent", "r1"),), budgets=(Budget("r1", 2),))
    subscription = listen(company, log)
    for number in range(3):
        log.publish(changed(company, f"helpdesk/rows/{number}", "printer fire", ALICE))
    asker, about = Asker(alice, mandate), Circumstances(company.now.wall_ms)
    assert [bool(subscription.next(asker, about)) for _ in range(2)] == [True, True]
    with pytest.raises(BudgetSpent):
        subscription.next(asker, about)


def test_a_source_beyond_the_token_is_refused_like_one_that_does_not_exist(
    company: Any, log: ListLog, alice: Principal
) -> None:
    subscription = listen(company, log, Standing(query="x", sources=["helpdesk"]))
    log.publish(changed(company, "helpdesk/rows/1", "printer fire", ALICE))
    with pytest.raises(InvalidQuestion, match="unknown source 'helpdesk'; known sources: wiki"):
        all_of(company, subscription, Asker(alice, Mandate(sources=frozenset({"wiki"}))))


def test_with_too_many_undecided_nothing_more_is_read_until_some_are_decided(
    company: Any, log: ListLog, alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.updates.subscription.MOST_WAITING", 3)
    monkeypatch.setattr("query.updates.subscription.READ", 2)
    company.pass_time(1)
    subscription = listen(company, log)
    for number in range(8):
        log.publish(changed(company, f"helpdesk/rows/{number}", "printer fire", label_of("bob@acme.example")))
    log.publish(changed(company, "helpdesk/rows/9", "printer fire", ALICE))
    assert all_of(company, subscription, alice) == []
    assert (len(subscription._waiting), subscription.places[0]) == (4, 0)
    company.beat("helpdesk", "wiki")
    subscription.moved = True
    assert names(all_of(company, subscription, alice)) == ["9"]


@pytest.mark.parametrize("question", [PRINTERS, Standing(query="printer fire", sources=["wiki"])])
def test_one_call_ends_in_time_however_much_was_missed_and_the_next_goes_on_from_there(
    company: Any, log: ListLog, alice: Principal, monkeypatch: pytest.MonkeyPatch, question: Standing
) -> None:
    monkeypatch.setattr("query.updates.subscription.READ", 16)
    subscription = listen(company, log, question)
    others = changed(company, "helpdesk/rows/1", "printer fire", label_of("bob@acme.example"))
    log.publish(*[others] * 400, changed(company, "wiki/rows/2", "printer fire", ALICE))
    company.beat("helpdesk", "wiki")
    asker, about, stops = Asker(alice), Circumstances(company.now.wall_ms), list[int]()
    while (event := subscription.next(asker, about)) is None:
        assert subscription.more
        stops.append(subscription.places[0])
    assert (names([event]), stops) == (["2"], [128, 256, 384])


def test_many_that_wait_are_looked_at_again_the_more_rarely_and_all_of_them(
    company: Any, log: ListLog, alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.updates.subscription.FEW", 2)
    monkeypatch.setattr("query.updates.subscription.AGAIN_S", 1.0)
    monkeypatch.setattr("query.updates.subscription.LOOKS", 1)
    monkeypatch.setattr("query.updates.subscription.SLICE", 1)
    company.pass_time(1)
    subscription = listen(company, log)
    label = label_of("nobody").model_copy(update={"readers": (TEAM,)})
    for number in range(4):
        log.publish(changed(company, f"helpdesk/rows/{number}", "printer fire", label))
    assert all_of(company, subscription, alice) == []
    subscription.moved = True
    assert all_of(company, subscription, alice) == []
    company.grant("helpdesk/members/1", ("acme", "team:7", "member", "user:alice@acme.example"))
    subscription.moved = True
    assert (all_of(company, subscription, alice), subscription.moved) == ([], True), "too early"
    company.pass_time(4)
    asker, found = Asker(alice), list[Event]()
    for _ in range(8):  # permissions move all the time: that must not begin it anew each time
        subscription.moved = True
        event = subscription.next(asker, Circumstances(company.now.wall_ms))
        found += [event] if event else []
    assert names(found) == list("0123")
