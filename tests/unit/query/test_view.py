import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.principal import Principal
from query.view import PermissionView
from schemas.label import Label, LabelDefinition, LabelId
from schemas.position import Position
from schemas.progress import Progress
from schemas.relation import Grant, RelationTuple

ALICE = Principal("alice@acme.example", "acme")
BOB = Principal("bob@acme.example", "acme")
EVE = Principal("eve@rival.example", "rival")


def label(*readers: str, tenant: str = "acme", denied: tuple[str, ...] = ()) -> Label:
    return Label(tenant=tenant, readers=readers, denied=denied)


def define(view: PermissionView, *labels: Label) -> None:
    for one in labels:
        view.define(LabelDefinition.of(one))


def granting(row: str, position: int, *entries: tuple[str, str], tenant: str = "acme") -> Grant:
    """(userset, subject) pairs."""
    tuples = tuple(
        RelationTuple(tenant=tenant, object=u.split("#")[0], relation=u.split("#")[1], subject=s) for u, s in entries
    )
    return Grant(record_id=row, position=Position(f"{position:016x}"), commit_ms=0, tuples=tuples)


def emptied(table: str, position: int) -> Grant:
    return Grant(record_id=table, position=Position(f"{position:016x}"), commit_ms=0, truncated=True)


def member(row: str, position: int, subject: str = ALICE.name) -> Grant:
    return granting(row, position, ("team:7#member", subject))


@pytest.fixture
def view() -> PermissionView:
    return PermissionView()


TEAM = label("team:7#member")


def sees(view: PermissionView, who: Principal, one: Label, **how: Any) -> bool:
    return one.id in view.visible(who, **how).labels


def test_a_label_is_visible_to_the_user_it_names_alone(view: PermissionView) -> None:
    own = label(ALICE.name)
    define(view, own)
    assert (sees(view, ALICE, own), sees(view, BOB, own)) == (True, False)


def test_a_label_nobody_defined_is_visible_to_nobody(view: PermissionView) -> None:
    assert not sees(view, ALICE, label(ALICE.name))


def test_a_definition_under_a_foreign_id_is_ignored_and_counted(view: PermissionView) -> None:
    view.define(LabelDefinition(id=LabelId(7), label=label(ALICE.name)))
    assert view.visible(ALICE).labels == frozenset()
    assert view.ignored["label_not_genuine"] == 1


def test_everyone_means_everyone_of_the_labels_tenant(view: PermissionView) -> None:
    public = label("user:*")
    define(view, public)
    assert (sees(view, ALICE, public), sees(view, EVE, public)) == (True, False)
    assert view.visible(ALICE).why(public.id) == [ALICE.name, "user:*"]


def test_the_same_name_in_another_tenant_is_somebody_else(view: PermissionView) -> None:
    own = label(ALICE.name)
    define(view, own)
    assert not sees(view, Principal(ALICE.subject, "rival"), own)


def test_tuples_of_another_tenant_do_not_count(view: PermissionView) -> None:
    define(view, TEAM)
    view.relate(granting("helpdesk/members/1", 1, ("team:7#member", ALICE.name), tenant="rival"))
    assert not sees(view, ALICE, TEAM)


def test_membership_is_followed_through_groups_and_the_way_is_told(view: PermissionView) -> None:
    folder = label("folder:3#viewer", "user:zoe@acme.example")
    define(view, folder)
    view.relate(member("helpdesk/members/1", 1))
    view.relate(granting("wiki/permissions/1", 1, ("folder:3#viewer", "team:7#member")))
    assert view.visible(ALICE).why(folder.id) == [ALICE.name, "team:7#member", "folder:3#viewer"]
    assert view.visible(BOB).why(folder.id) == []


def test_a_cycle_of_groups_ends(view: PermissionView) -> None:
    define(view, TEAM)
    view.relate(granting("a/b/1", 1, ("team:6#member", "team:7#member"), ("team:7#member", "team:6#member")))
    view.relate(granting("a/b/2", 1, ("team:6#member", ALICE.name)))
    assert (sees(view, ALICE, TEAM), sees(view, BOB, TEAM)) == (True, False)


def test_denied_wins_over_reader_also_through_a_group(view: PermissionView) -> None:
    mixed = label("user:*", denied=("team:7#member",))
    define(view, mixed)
    assert sees(view, ALICE, mixed)
    view.relate(member("helpdesk/members/1", 1))
    assert (sees(view, ALICE, mixed), sees(view, BOB, mixed)) == (False, True)


def test_a_revoked_membership_counts_at_once(view: PermissionView) -> None:
    define(view, TEAM)
    view.relate(member("helpdesk/members/1", 1))
    assert sees(view, ALICE, TEAM)
    view.relate(granting("helpdesk/members/1", 2))
    assert not sees(view, ALICE, TEAM)


def test_an_older_grant_seen_again_does_not_bring_a_membership_back(view: PermissionView) -> None:
    define(view, TEAM)
    view.relate(granting("helpdesk/members/1", 2))
    view.relate(member("helpdesk/members/1", 1))
    assert not sees(view, ALICE, TEAM)


def test_a_membership_given_by_two_rows_lasts_until_both_are_gone(view: PermissionView) -> None:
    define(view, TEAM)
    view.relate(member("helpdesk/members/1", 1))
    view.relate(member("helpdesk/members/2", 1))
    view.relate(granting("helpdesk/members/1", 2))
    assert sees(view, ALICE, TEAM)
    view.relate(granting("helpdesk/members/2", 2))
    assert not sees(view, ALICE, TEAM)


def test_a_row_that_says_the_same_twice_is_withdrawn_whole(view: PermissionView) -> None:
    define(view, TEAM)
    twice = (("team:7#member", ALICE.name), ("team:7#member", ALICE.name))
    view.relate(granting("helpdesk/members/1", 1, *twice))
    view.relate(granting("helpdesk/members/1", 2))
    assert not sees(view, ALICE, TEAM)


def test_a_truncated_table_grants_nothing_any_more_and_other_tables_still_do(view: PermissionView) -> None:
    define(view, TEAM)
    for row, subject in (("1", ALICE.name), ("2", BOB.name)):
        view.relate(member(f"helpdesk/members/{row}", 1, subject))
    view.relate(emptied("helpdesk/members", 5))
    assert not sees(view, ALICE, TEAM)
    assert not sees(view, BOB, TEAM)
    for row, table in enumerate(("helpdesk/members2", "helpdesk/s.members", "crm/members")):
        view.relate(member(f"{table}/{row}", 1))
        view.relate(emptied("helpdesk/members", 6))
        assert sees(view, ALICE, TEAM)
        view.relate(emptied(table, 6))
        assert not sees(view, ALICE, TEAM)


def test_a_grant_older_than_a_truncate_stays_out_although_it_comes_later_and_a_newer_one_counts(
    view: PermissionView,
) -> None:
    define(view, TEAM)
    view.relate(member("helpdesk/members/known", 1))
    view.relate(emptied("helpdesk/members", 5))
    for row in ("known", "unknown"):
        view.relate(member(f"helpdesk/members/{row}", 4))
        assert not sees(view, ALICE, TEAM)
    view.relate(member("helpdesk/members/known", 6))
    assert sees(view, ALICE, TEAM)


def test_an_older_truncate_seen_again_takes_nothing_newer_away_nor_lets_anything_older_in(view: PermissionView) -> None:
    define(view, TEAM)
    view.relate(member("helpdesk/members/1", 4))
    view.relate(emptied("helpdesk/members", 3))
    assert sees(view, ALICE, TEAM)
    view.relate(emptied("helpdesk/members", 5))
    view.relate(emptied("helpdesk/members", 3))
    view.relate(member("helpdesk/members/1", 4))
    assert not sees(view, ALICE, TEAM)


def test_a_truncate_that_cannot_be_read_takes_away_what_its_table_granted(view: PermissionView) -> None:
    define(view, TEAM)
    view.relate(member("helpdesk/members/1", 4))
    view.distrust("crm/members")
    assert sees(view, ALICE, TEAM)
    view.distrust("helpdesk/members")
    assert not sees(view, ALICE, TEAM)
    view.relate(member("helpdesk/members/1", 6))
    assert sees(view, ALICE, TEAM)


def test_clearing_forgets_truncates_too(view: PermissionView) -> None:
    view.relate(emptied("helpdesk/members", 5))
    view.clear()
    define(view, TEAM)
    view.relate(member("helpdesk/members/1", 1))
    assert sees(view, ALICE, TEAM)


def test_the_tables_that_have_stopped_are_those_of_the_newest_progress(view: PermissionView) -> None:
    def advance(watermark_ms: int, *stopped: str) -> tuple[str, ...]:
        at = Position(f"{watermark_ms:016x}")
        view.advance(
            Progress(
                source="helpdesk", watermark_ms=watermark_ms, position=at, measured_ms=0, grants={}, stopped=stopped
            )
        )
        return view.stopped_tables("helpdesk")

    assert view.stopped_tables("helpdesk") == ()
    assert advance(5, "s.a", "s.b") == ("s.a", "s.b")
    assert advance(4) == ("s.a", "s.b")
    assert advance(6) == ()


def test_grants_of_a_doubted_source_do_not_count(view: PermissionView) -> None:
    define(view, TEAM)
    view.relate(member("helpdesk/members/1", 1))
    assert not sees(view, ALICE, TEAM, doubted=frozenset({"helpdesk"}))
    view.relate(member("crm/members/1", 1))
    assert sees(view, ALICE, TEAM, doubted=frozenset({"helpdesk"}))


def test_labels_that_deny_groups_are_hidden_while_a_source_is_doubted(view: PermissionView) -> None:
    careful, plain = label("user:*", denied=("team:7#member",)), label("user:*", denied=(BOB.name,))
    define(view, careful, plain)
    assert view.visible(ALICE).labels == {careful.id, plain.id}
    assert view.visible(ALICE, doubted=frozenset({"helpdesk"})).labels == {plain.id}


def test_clearing_shows_nothing_until_told_again(view: PermissionView) -> None:
    own = label(ALICE.name)
    define(view, own)
    view.caught_up(5.0)
    assert sees(view, ALICE, own)
    view.clear()
    assert view.as_of is None
    assert not sees(view, ALICE, own)


def test_ten_thousand_labels_are_resolved_in_milliseconds(view: PermissionView) -> None:
    labels = [label(f"team:{n}#member", tenant="acme") for n in range(10_000)]
    define(view, *labels)
    for n in range(5_000):
        view.relate(granting(f"helpdesk/members/{n}", 1, (f"team:{n}#member", ALICE.name)))
    began = time.perf_counter()
    visible = view.visible(ALICE)
    took = time.perf_counter() - began
    assert len(visible.labels) == 5_000
    assert took < 0.5
    assert view.visible(ALICE) is visible


NAMES = ["user:alice@acme.example", "user:*", "a:1#m", "b:1#m", "c:1#m"]
ROWS = st.tuples(
    st.integers(0, 3),
    st.integers(0, 5),
    st.lists(st.tuples(st.sampled_from(NAMES[2:]), st.sampled_from(NAMES)), max_size=3),
)


EMPTIED = st.tuples(st.none(), st.integers(0, 5), st.just([]))


@given(st.lists(ROWS | EMPTIED, max_size=12))
def test_however_grants_arrive_the_view_is_what_the_newest_of_each_row_say(rows: list[Any]) -> None:
    view = PermissionView()
    labels = {name: label(name) for name in NAMES}
    define(view, *labels.values())
    newest: dict[int, tuple[int, Any]] = {}
    last_emptied = max((position for row, position, _ in rows if row is None), default=-1)
    for row, position, entries in rows:
        view.relate(emptied("s/t", position) if row is None else granting(f"s/t/{row}", position, *entries))
        if row is None or position < last_emptied:
            continue
        if position >= newest.get(row, (-1, None))[0]:
            newest[row] = (position, entries)
        view.visible(ALICE)  # so that a stale cache would show
    reached = {ALICE.name, "user:*"}
    for _ in NAMES:
        reached |= {u for _, entries in newest.values() for u, subject in entries if subject in reached}
    assert view.visible(ALICE).labels == {labels[name].id for name in reached}
