"""Answers under a token that narrows and under policies, and what of each is on record before it leaves."""

import json
from pathlib import Path
from typing import Any

import pytest

from query.asker import Asker, Budget, Circumstances, Link, Mandate
from query.budget import BudgetSpent
from query.decisions.memory import MemoryDecisions
from query.decisions.recorder import UnknownRecord
from query.explain_record import explain_to
from query.policies.gate import PolicyGate
from query.policies.vocabulary import Vocabulary
from query.principal import Principal
from schemas.answer import Question
from schemas.errors import InvalidQuestion, PermissionsUnknown, RecordUnavailable, Unavailable
from schemas.label import Label

EVERYBODY = ("user:*",)
SECRET = (
    "forbid (principal, action, resource is Record) "
    'when { resource.attributes has class && resource.attributes.class == "secret" }'
)
PERMIT_ALL = "permit (principal, action, resource);"


def classed(value: str | None) -> Label:
    return Label(tenant="acme", readers=EVERYBODY, attributes={} if value is None else {"class": value})


@pytest.fixture
def three(company: Any) -> Any:
    """Records of each class, and one without."""
    for number, value in enumerate(("public", "secret", None), 1):
        company.put(f"helpdesk/tickets/{number}", f"printer on fire {number}", classed(value))
    return company


def shown(company: Any, asker: Principal | Asker, **asked: Any) -> set[str]:
    question = Question(query="printer on fire", **asked)
    return {hit.record_id[-1] for hit in company.answer(asker, question).hits}


def policies(folder: Path, *lines: str) -> PolicyGate:
    folder.mkdir(exist_ok=True)
    (folder / "base.cedar").write_text("\n".join([PERMIT_ALL, *lines]))
    names = frozenset({"class"})
    return PolicyGate(folder, Vocabulary(attributes=names, metadata=frozenset({"status"}), vouched=frozenset({"team"})))


def records(company: Any) -> list[dict[str, Any]]:
    found = [entry.payload.body for entry in company.decisions.read(0, 100) if entry.payload is not None]
    return [json.loads(body) for body in found]


def test_a_ceiling_leaves_what_has_the_attribute_with_an_allowed_value(three: Any, alice: Principal) -> None:
    assert shown(three, alice) == {"1", "2", "3"}
    assert shown(three, Asker(alice, Mandate(ceiling={"class": frozenset({"public"})}))) == {"1"}
    assert shown(three, Asker(alice, Mandate(ceiling={"class": frozenset()}))) == set()


def test_a_source_beyond_the_mandate_is_as_unknown_as_one_nobody_configured(three: Any, alice: Principal) -> None:
    wiki = Asker(alice, Mandate(sources=frozenset({"wiki"})))
    assert shown(three, wiki) == set()
    said = []
    for source in ("helpdesk", "jira"):
        with pytest.raises(InvalidQuestion) as refused:
            shown(three, wiki, sources=[source])
        said.append(str(refused.value).replace(source, "…"))
    assert said[0] == said[1]


def budgeted(who: Principal, *budgets: tuple[str, int]) -> Asker:
    links = tuple(Link("x", name) for name, _ in budgets)
    return Asker(who, Mandate(chain=links, budgets=tuple(Budget(name, rows) for name, rows in budgets)))


def test_a_row_budget_counts_all_answers_and_whoever_attenuates_gets_no_more(three: Any, alice: Principal) -> None:
    root = budgeted(alice, ("aa", 4))
    assert len(shown(three, root, limit=3)) == 3
    assert len(shown(three, budgeted(alice, ("aa", 4), ("bb", 3)), limit=3)) == 1
    for asker in (root, budgeted(alice, ("aa", 4), ("cc", 100))):
        with pytest.raises(BudgetSpent):
            shown(three, asker)
    assert len(shown(three, budgeted(alice, ("dd", 1)), limit=3)) == 1


def test_a_policy_about_the_label_takes_records_away_before_the_search(
    three: Any, alice: Principal, tmp_path: Path
) -> None:
    three.policies = policies(
        tmp_path / "p",
        SECRET + ";",
    )
    assert shown(three, alice) == {"1", "3"}


def test_a_policy_about_more_than_the_label_is_judged_hit_by_hit_without_leaving_a_gap(
    company: Any, alice: Principal, tmp_path: Path
) -> None:
    for number in range(1, 9):
        status = json.dumps({"status": "closed" if number < 7 else "open"})
        company.put(f"helpdesk/tickets/{number}", "printer on fire", classed("public"), metadata=status)
    company.policies = policies(
        tmp_path / "p",
        "forbid (principal, action, resource is Record) when { resource.metadata has status"
        ' && resource.metadata.status == "closed" };',
    )
    assert shown(company, alice, limit=2) == {"7", "8"}
    assert records(company)[-1]["withheld"]["policy"] == 6


def test_a_purpose_opens_what_a_policy_asks_it_for(three: Any, alice: Principal, tmp_path: Path) -> None:
    three.policies = policies(
        tmp_path / "p",
        SECRET + ' unless { context.purpose == "audit" };',
    )
    assert shown(three, alice) == {"1", "3"}
    assert shown(three, alice, purpose="audit") == {"1", "2", "3"}
    assert records(three)[-1]["purpose"] == "audit"


def test_what_was_shown_to_whom_is_on_record_under_the_answer_s_id(three: Any, alice: Principal) -> None:
    asker = Asker(alice, Mandate(chain=(Link("planner", "aa"),)))
    given = three.answer(asker, Question(query="printer on fire", limit=2))
    (record,) = records(three)
    assert record["id"] == given.id
    assert record["who"]["subject"] == alice.subject
    assert record["who"]["chain"] == [{"holder": "planner", "revocation_id": "aa"}]
    assert [one["record_id"] for one in record["shown"]] == [hit.record_id for hit in given.hits]
    assert (record["status"], record["view_lag_ms"], record["policy_version"]) == ("answered", 0, "none")
    assert "printer on fire 1" not in json.dumps({**record, "question": ""})


def test_a_refusal_is_on_record_too(three: Any, alice: Principal) -> None:
    three.view.clear()
    with pytest.raises(PermissionsUnknown):
        shown(three, alice)
    assert [record["status"] for record in records(three)] == ["permissions_unknown"]


def test_what_cannot_be_put_on_record_does_not_leave(three: Any, alice: Principal) -> None:
    class Full(MemoryDecisions):
        def append(self, make: Any) -> None:
            raise Unavailable("the decision log", "disk full")

    three.decisions = Full()
    with pytest.raises(RecordUnavailable):
        shown(three, alice)


def explained(company: Any, who: Principal, record_id: str, **mandate: Any) -> str:
    about = Circumstances(company.now.wall_ms)
    return explain_to(company.parts(), Asker(who, Mandate(**mandate)), about, record_id).verdict


def test_who_sees_a_record_is_told_why_and_for_anybody_else_it_does_not_exist(
    company: Any, alice: Principal, bob: Principal, tmp_path: Path
) -> None:
    company.put("helpdesk/tickets/1", "printer", Label(tenant="acme", readers=(alice.name,)))
    assert explained(company, alice, "helpdesk/tickets/1") == "visible"
    hidden = [
        (bob, "helpdesk/tickets/1", {}),
        (alice, "helpdesk/tickets/2", {}),
        (alice, "helpdesk/tickets/1", {"ceiling": {"class": frozenset({"public"})}}),
        (alice, "helpdesk/tickets/1", {"sources": frozenset({"wiki"})}),
    ]
    said = set()
    for who, record_id, mandate in hidden:
        with pytest.raises(UnknownRecord) as refused:
            explained(company, who, record_id, **mandate)
        said.add(str(refused.value))
    assert len(said) == 1
    company.policies = policies(tmp_path / "p", 'forbid (principal, action == Action::"explain", resource);')
    with pytest.raises(UnknownRecord):
        explained(company, alice, "helpdesk/tickets/1")
