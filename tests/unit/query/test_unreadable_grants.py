"""What a row grants is unknown while its newest version cannot be read; then whoever is denied may be anybody."""

import pytest

from query.principal import Principal
from query.view import PermissionView
from schemas.label import Label, LabelDefinition
from schemas.position import Position
from schemas.relation import Grant, RelationTuple

ALICE = Principal("alice@acme.example", "acme")
BOB = Principal("bob@acme.example", "acme")
TEAM = Label(tenant="acme", readers=("team:7#member",))
BANNED = Label(tenant="acme", readers=("user:*",), denied=("team:7#member",))
ROW = "helpdesk/members/1"


def at(position: int) -> Position:
    return Position(f"{position:016x}")


def member(position: int, who: Principal) -> Grant:
    of_team = RelationTuple(tenant="acme", object="team:7", relation="member", subject=who.name)
    return Grant(record_id=ROW, position=at(position), commit_ms=0, tuples=(of_team,))


UNREADABLE = Grant(record_id=ROW, position=at(2), commit_ms=0, unreadable=True)


@pytest.fixture
def view() -> PermissionView:
    return PermissionView()


def define(view: PermissionView, *labels: Label) -> None:
    for one in labels:
        view.define(LabelDefinition.of(one))


def sees(view: PermissionView, who: Principal, one: Label) -> bool:
    return one.id in view.visible(who).labels


def test_a_row_whose_newest_version_was_rejected_may_deny_anybody_until_a_readable_one_comes(
    view: PermissionView,
) -> None:
    define(view, BANNED, TEAM)
    view.relate(member(1, BOB))
    assert (sees(view, ALICE, BANNED), sees(view, BOB, BANNED)) == (True, False)
    view.relate(UNREADABLE)
    assert (sees(view, ALICE, BANNED), sees(view, BOB, BANNED), sees(view, BOB, TEAM)) == (False, False, False)
    view.relate(member(3, ALICE))
    assert (sees(view, ALICE, BANNED), sees(view, BOB, BANNED), sees(view, ALICE, TEAM)) == (False, True, True)


def test_an_emptied_table_has_no_unreadable_row(view: PermissionView) -> None:
    define(view, BANNED)
    view.relate(UNREADABLE)
    assert not sees(view, ALICE, BANNED)
    view.relate(Grant(record_id="helpdesk/members", position=at(5), commit_ms=0, truncated=True))
    assert sees(view, ALICE, BANNED)
