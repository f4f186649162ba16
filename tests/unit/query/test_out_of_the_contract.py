"""What a contract no longer says does not count, although the index and the topics still have it."""

from typing import Any

from query.principal import Principal
from query.view import PermissionView
from schemas.answer import Question
from schemas.label import Label, LabelDefinition
from schemas.position import Position
from schemas.relation import Grant, RelationTuple

OWN = Label(tenant="acme", readers=("user:alice@acme.example",))
TEAM = Label(tenant="acme", readers=("team:7#member",))


def test_rows_of_a_table_that_is_no_longer_searchable_are_no_longer_shown_and_leave_no_gap(
    company: Any, alice: Principal
) -> None:
    for number in range(5):
        company.put(f"helpdesk/gone/{number}", "printer on fire", OWN, table="helpdesk.gone")
        company.put(f"helpdesk/members/{number}", "printer on fire", OWN, table="helpdesk.members")
    company.put("helpdesk/rows/1", "printer, cold", OWN)
    given = company.answer(alice, Question(query="printer on fire", limit=1))
    assert [hit.record_id for hit in given.hits] == ["helpdesk/rows/1"]


def test_a_column_that_is_no_longer_metadata_is_cut_off(company: Any, alice: Principal) -> None:
    company.put("helpdesk/rows/1", "printer", OWN, metadata='{"status": "open", "card_number": "4111"}')
    (hit,) = company.answer(alice, Question(query="printer")).hits
    assert hit.metadata == {"status": "open"}


def test_what_rows_of_a_table_granted_that_grants_no_more_does_not_count(alice: Principal) -> None:
    view = PermissionView(granting={"helpdesk": {"helpdesk/helpdesk.members"}})
    view.define(LabelDefinition.of(TEAM))
    seen = []
    of_team = RelationTuple(tenant="acme", object="team:7", relation="member", subject=alice.name)
    for number, table in enumerate(("helpdesk/helpdesk.former", "helpdesk/helpdesk.members", "crm/crm.members")):
        at = Position(f"{number:016x}")
        view.relate(Grant(record_id=f"{table}/1", position=at, commit_ms=0, tuples=(of_team,)))
        seen.append(TEAM.id in view.visible(alice).labels)
        view.relate(Grant(record_id=f"{table}/1", position=Position(f"{number + 1:016x}"), commit_ms=1))
    assert seen == [False, True, True]
    assert view.ignored["of a table that grants no more"] == 2
