import pytest

from query.asker import Asker, Circumstances
from query.authorize import Authorized, authorize
from query.principal import Principal
from schemas.access import AccessFilter
from schemas.answer import Question
from schemas.errors import InvalidQuestion, PermissionsUnknown
from schemas.label import Label, LabelDefinition

OWN = Label(tenant="acme", readers=("user:alice@acme.example",))
TEAM = Label(tenant="acme", readers=("team:7#member",))


@pytest.fixture
def ask(company, alice: Principal):
    company.view.define(LabelDefinition.of(OWN))
    company.view.define(LabelDefinition.of(TEAM))

    def ask(sources: list[str] | None = None) -> Authorized:
        question = Question(query="printer", sources=sources)
        return authorize(Asker(alice), question, Circumstances(company.now.wall_ms), company.grounds, company.now)

    return ask


def test_the_filter_has_the_askers_labels_and_the_searchable_sources(ask) -> None:
    permitted = ask()
    assert permitted.access == AccessFilter(frozenset({OWN.id}), frozenset({"helpdesk", "wiki"}))
    assert [(s.source, s.state) for s in permitted.statuses] == [("helpdesk", "fresh"), ("wiki", "fresh")]


def test_only_asked_sources_are_searched_and_reported(ask) -> None:
    permitted = ask(["wiki", "wiki"])
    assert permitted.access.sources == {"wiki"}
    assert [status.source for status in permitted.statuses] == ["wiki"]


def test_an_unknown_source_is_refused_naming_the_known_ones(ask) -> None:
    with pytest.raises(InvalidQuestion, match=r"unknown source 'jira'; known sources: helpdesk, wiki"):
        ask(["wiki", "jira"])


def test_asking_no_source_is_refused(ask) -> None:
    with pytest.raises(InvalidQuestion, match="no source is asked"):
        ask([])


def test_a_view_that_was_never_complete_shows_nothing(company, ask) -> None:
    company.view.clear()
    company.beat("helpdesk", "wiki")
    with pytest.raises(PermissionsUnknown, match="permission view is not up to date"):
        ask()


def test_a_view_older_than_the_limit_shows_nothing_until_it_caught_up(company, ask) -> None:
    company.pass_time(15.1)
    company.beat("helpdesk", "wiki")
    with pytest.raises(PermissionsUnknown):
        ask()
    company.view.caught_up(company.now.steady)
    assert ask().access.labels == {OWN.id}


def test_a_source_is_late_beyond_its_slo_and_withheld_beyond_the_limit(company, ask) -> None:
    company.pass_time(3.0)
    company.beat("wiki")
    assert [s.state for s in ask().statuses] == ["fresh", "fresh"]
    company.pass_time(0.5)
    company.view.caught_up(company.now.steady)
    late = ask()
    assert [(s.state, s.lag_ms) for s in late.statuses] == [("late", 3500), ("fresh", 500)]
    assert late.access.sources == {"helpdesk", "wiki"}
    company.pass_time(12.0)
    company.beat("wiki")
    company.view.caught_up(company.now.steady)
    withheld = ask()
    assert [s.state for s in withheld.statuses] == ["withheld", "fresh"]
    assert withheld.access.sources == {"wiki"}


def test_a_source_with_a_stopped_table_is_late_at_best_and_says_which(company, ask) -> None:
    company.pass_time(0.001)
    company.beat("helpdesk", stopped=("helpdesk.rows", "helpdesk.members"))
    status, other = ask().statuses
    assert (status.state, status.lag_ms, other.state, other.detail) == ("late", 0, "fresh", "")
    assert "helpdesk.rows, helpdesk.members" in status.detail
    assert ask().access.sources == {"helpdesk", "wiki"}
    company.pass_time(0.001)
    company.beat("helpdesk")
    assert [(s.state, s.detail) for s in ask(["helpdesk"]).statuses] == [("fresh", "")]


def test_what_a_stopped_table_grants_is_not_believed(company, ask) -> None:
    company.grant("helpdesk/helpdesk.members/1", ("acme", "team:7", "member", "user:alice@acme.example"))
    seen = {OWN.id, TEAM.id}
    assert ask().access.labels == seen
    for stopped, left in ((("helpdesk.rows",), seen), (("helpdesk.members",), {OWN.id}), ((), seen)):
        company.pass_time(0.001)
        company.beat("helpdesk", stopped=stopped)
        assert ask().access.labels == left, stopped


def test_a_withheld_source_stays_withheld_whatever_has_stopped(company, ask) -> None:
    company.pass_time(0.001)
    company.beat("helpdesk", stopped=("helpdesk.rows",))
    company.pass_time(15.1)
    company.beat("wiki")
    company.view.caught_up(company.now.steady)
    permitted = ask()
    assert [s.state for s in permitted.statuses] == ["withheld", "fresh"]
    assert permitted.access.sources == {"wiki"}


def test_a_source_without_watermark_is_unknown_and_not_searched(company, ask) -> None:
    company.contracts["crm"] = company.contracts["wiki"].model_copy(update={"source": "crm"})
    permitted = ask()
    assert permitted.statuses[-1].state == "unknown"
    assert permitted.statuses[-1].lag_ms is None
    assert "crm" not in permitted.access.sources


def test_a_watermark_far_in_the_future_proves_nothing(company, ask) -> None:
    company.pass_time(3600)
    company.beat("wiki")
    company.pass_time(-3600)
    assert [s.state for s in ask().statuses] == ["fresh", "withheld"]


def test_when_no_asked_source_is_searchable_the_question_is_refused(company, ask) -> None:
    company.pass_time(20)
    company.beat("wiki")
    company.view.caught_up(company.now.steady)
    with pytest.raises(PermissionsUnknown, match="none of the sources asked"):
        ask(["helpdesk"])


def test_a_membership_from_a_withheld_source_opens_nothing_elsewhere(company, ask) -> None:
    company.grant("helpdesk/helpdesk.members/1", ("acme", "team:7", "member", "user:alice@acme.example"))
    assert TEAM.id in ask(["wiki"]).access.labels
    company.pass_time(20)
    company.beat("wiki")
    company.view.caught_up(company.now.steady)
    assert ask(["wiki"]).access.labels == {OWN.id}


def test_a_membership_from_a_source_that_is_no_more_configured_opens_nothing(company, ask) -> None:
    company.grant("old/old.members/1", ("acme", "team:7", "member", "user:alice@acme.example"))
    assert ask().access.labels == {OWN.id}
