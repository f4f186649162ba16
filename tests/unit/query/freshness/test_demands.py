"""What a question demands of freshness: met, flagged, or refused with a type."""

from typing import Any

import pytest

from query.asker import Mandate
from query.freshness.demands import judged, unmet
from query.status import statuses
from schemas.answer import Question, SourceStatus
from schemas.errors import InvalidQuestion, NotYetSearchable, TooStale

EVERYTHING = Mandate()


def question(**asked: Any) -> Question:
    return Question(query="printer", **asked)


@pytest.fixture
def now_unmet(company):
    def now_unmet(mandate: Mandate = EVERYTHING, **asked: Any) -> tuple[int, int]:
        found = unmet(company.grounds, mandate, question(**asked), company.now.wall_ms)
        return len(found.unreached), len(found.stale)

    return now_unmet


@pytest.fixture
def told(company):
    def told() -> list[SourceStatus]:
        return statuses(company.contracts.values(), company.view, company.grounds.lag_limit_s, company.now.wall_ms)

    return told


def test_a_question_that_demands_nothing_gets_no_verdict(company, told, now_unmet) -> None:
    company.view.clear()
    assert now_unmet() == (0, 0)
    statuses, stale = judged(told(), question(), company.now.wall_ms)
    assert ([s.verdict for s in statuses], stale) == ([None, None], False)


def test_a_write_is_reached_when_the_watermark_is_at_or_beyond_its_place(company, beat, now_unmet) -> None:
    beat("helpdesk", lsn=0x1_0000_0020)
    company.pass_time(1)
    beat("helpdesk", lsn=0x1_0000_0020)
    assert now_unmet(after={"helpdesk": "1/1F"}) == (0, 0)
    assert now_unmet(after={"helpdesk": "1/20"}) == (0, 0)
    assert now_unmet(after={"helpdesk": "0/FFFFFFFF"}) == (0, 0)
    assert now_unmet(after={"helpdesk": "1/21"}) == (1, 0)
    assert now_unmet(after={"helpdesk": "FFFFFFFF/0"}) == (1, 0)


def test_a_previous_answers_position_is_a_token_that_is_reached(company, beat, told, now_unmet) -> None:
    company.pass_time(1)
    beat("helpdesk", lsn=77)
    position = told()[0].position
    assert position == "0/4D"
    assert now_unmet(after={"helpdesk": position}) == (0, 0)


@pytest.mark.parametrize("shown", ["unknown", "withheld", "stopped"])
def test_a_source_of_which_not_all_is_shown_reaches_nothing(company, beat, now_unmet, shown: str) -> None:
    company.pass_time(1)
    beat("helpdesk", lsn=9, stopped=("helpdesk.rows",) if shown == "stopped" else ())
    if shown == "unknown":
        company.view.clear()
    if shown == "withheld":
        company.pass_time(16)
    assert now_unmet(after={"helpdesk": "0/1"}) == (1, 0)
    assert now_unmet(max_staleness_seconds=31_000_000, sources=["helpdesk"], on_stale="fail") == (0, 1)


def test_what_is_not_at_a_place_of_a_log_reaches_no_place(company, now_unmet) -> None:
    company.pass_time(1)
    company.beat("helpdesk")
    assert now_unmet(after={"helpdesk": "0/0"}) == (1, 0)


@pytest.mark.parametrize("named", [{"after": {"jira": "0/1"}}, {"max_staleness_seconds": {"jira": 1}}])
def test_an_unknown_source_and_one_beyond_the_token_are_refused_in_the_same_words(now_unmet, named) -> None:
    beyond = {field: {"wiki": next(iter(value.values()))} for field, value in named.items()}
    only_helpdesk = Mandate(sources=frozenset({"helpdesk"}))
    with pytest.raises(InvalidQuestion) as absent:
        now_unmet(only_helpdesk, **named)
    with pytest.raises(InvalidQuestion) as denied:
        now_unmet(only_helpdesk, **beyond)
    assert str(absent.value) == "unknown source 'jira'; known sources: helpdesk"
    assert str(denied.value) == str(absent.value).replace("jira", "wiki")


def test_a_verdict_is_within_up_to_the_allowed_staleness_and_beyond_after(company, beat, told) -> None:
    company.pass_time(10)
    beat("helpdesk", behind_s=2)
    beat("wiki", behind_s=2.001)
    found, stale = judged(told(), question(max_staleness_seconds=2), company.now.wall_ms)
    assert [s.verdict for s in found] == ["within", "beyond"]
    assert stale


def test_the_verdict_is_of_the_answers_end_and_not_of_its_beginning(company, told) -> None:
    before = told()
    company.pass_time(3)
    assert judged(before, question(max_staleness_seconds=2), company.now.wall_ms - 3000)[1] is False
    assert judged(before, question(max_staleness_seconds=2), company.now.wall_ms)[1] is True
    with pytest.raises(TooStale):
        judged(before, question(max_staleness_seconds=2, on_stale="fail"), company.now.wall_ms)


def test_a_budget_for_one_source_says_nothing_of_others(company, told, now_unmet) -> None:
    company.pass_time(5)
    asked = {"max_staleness_seconds": {"wiki": 1}, "on_stale": "fail"}
    assert now_unmet(**asked) == (0, 1)
    assert now_unmet(**asked, sources=["helpdesk"]) == (0, 0)
    found, _ = judged(told(), question(max_staleness_seconds={"wiki": 1}), company.now.wall_ms)
    assert [s.verdict for s in found] == [None, "beyond"]


@pytest.mark.parametrize(("on_stale", "refused"), [("flag", 0), ("wait", 2), ("fail", 2)])
def test_staleness_is_flagged_or_refused_as_asked(company, now_unmet, on_stale: str, refused: int) -> None:
    company.pass_time(5)
    assert now_unmet(max_staleness_seconds=1, on_stale=on_stale) == (0, refused)


def test_a_source_that_could_not_be_confirmed_in_the_end_is_beyond_and_reaches_nothing(company, beat, told) -> None:
    company.pass_time(1)
    beat("helpdesk", lsn=9)
    left_out = [s.model_copy(update={"state": "withheld"}) if s.source == "helpdesk" else s for s in told()]
    found, stale = judged(left_out, question(max_staleness_seconds=60), company.now.wall_ms)
    assert ([s.verdict for s in found], stale) == (["beyond", "within"], True)
    with pytest.raises(NotYetSearchable):
        judged(left_out, question(after={"helpdesk": "0/1"}), company.now.wall_ms)


def test_a_refusal_names_the_source_its_lag_and_what_was_allowed(company, beat) -> None:
    company.pass_time(5)
    beat("helpdesk", lsn=16, behind_s=4)
    asked = question(max_staleness_seconds=1.5, on_stale="fail", sources=["helpdesk"])
    with pytest.raises(TooStale, match=r"helpdesk \(4 s behind, 1\.5 s allowed\)"):
        unmet(company.grounds, EVERYTHING, asked, company.now.wall_ms).refuse()
    with pytest.raises(NotYetSearchable, match=r"helpdesk \(at 0/10, asked for 0/11\)"):
        unmet(company.grounds, EVERYTHING, question(after={"helpdesk": "0/11"}), company.now.wall_ms).refuse()
