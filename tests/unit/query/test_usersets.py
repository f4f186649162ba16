import time

from query.principal import Principal
from query.view import PermissionView
from schemas.label import Label, LabelDefinition
from schemas.position import Position
from schemas.relation import Grant, RelationTuple
from schemas.relation_model import RelationModel

ANN, BEN = Principal("ann", "acme"), Principal("ben", "acme")
FOLDERS = {
    "folder": {
        "parent": "this",
        "editor": "this or editor from parent",
        "viewer": "this or editor or viewer from parent",
    },
    "page": {
        "folder": "this",
        "banned": "this",
        "reviewer": "this",
        "viewer": "(this or viewer from folder) but not banned",
        "draft_viewer": "viewer and reviewer",
    },
}


def model(types: dict[str, dict[str, str]]) -> RelationModel:
    return RelationModel.model_validate({"types": types})


def view_of(types: dict[str, dict[str, str]], *tuples: str, tenant: str = "acme") -> PermissionView:
    """Tuples as object#relation@subject, each from a row of its own: s/t/0, s/t/1, …"""
    view = PermissionView(model(types))
    for number, text in enumerate(tuples):
        relate(view, f"s/t/{number}", text, tenant=tenant)
    return view


def relate(view: PermissionView, row: str, *tuples: str, position: int = 1, tenant: str = "acme") -> None:
    entries = []
    for text in tuples:
        userset, _, subject = text.partition("@")
        object_name, _, relation = userset.rpartition("#")
        entries.append(RelationTuple(tenant=tenant, object=object_name, relation=relation, subject=subject))
    at = Position(f"{position:016x}")
    view.relate(Grant(record_id=row, position=at, commit_ms=0, tuples=tuple(entries)))


def sees(view: PermissionView, who: Principal, *readers: str, denied: str = "", doubted: str = "") -> bool:
    label = Label(tenant="acme", readers=readers, denied=(denied,) if denied else ())
    view.define(LabelDefinition.of(label))
    return label.id in view.visible(who, frozenset({doubted} if doubted else ())).labels


def test_a_relation_includes_another_one_of_the_same_object() -> None:
    view = view_of(FOLDERS, "folder:1#editor@user:ann")
    assert (sees(view, ANN, "folder:1#viewer"), sees(view, BEN, "folder:1#viewer")) == (True, False)
    assert not sees(view, ANN, "folder:2#viewer")


def test_a_viewer_of_the_parent_is_a_viewer_and_a_viewer_of_the_child_is_none_of_the_parent() -> None:
    view = view_of(FOLDERS, "folder:2#parent@folder:1", "folder:1#viewer@user:ann", "folder:2#viewer@user:ben")
    assert sees(view, ANN, "folder:2#viewer")
    assert not sees(view, BEN, "folder:1#viewer")
    label = Label(tenant="acme", readers=("folder:2#viewer",))
    assert view.visible(ANN).why(label.id) == ["user:ann", "folder:1#viewer", "folder:2#viewer"]


def test_a_parent_that_is_written_as_a_userset_leads_nowhere() -> None:
    view = view_of(FOLDERS, "folder:2#parent@folder:1#viewer", "folder:1#viewer@user:ann")
    assert not sees(view, ANN, "folder:2#viewer")


def test_all_of_an_intersection_must_hold_at_the_same_object() -> None:
    view = view_of(FOLDERS, "page:1#viewer@user:*", "page:1#reviewer@user:ann", "page:2#reviewer@user:ben")
    assert (sees(view, ANN, "page:1#draft_viewer"), sees(view, BEN, "page:1#draft_viewer")) == (True, False)


def test_an_excluded_one_is_out_although_the_folder_lets_it_in() -> None:
    view = view_of(FOLDERS, "page:1#folder@folder:1", "folder:1#viewer@user:*", "page:1#banned@team:1#member")
    assert sees(view, ANN, "page:1#viewer")
    relate(view, "s/t/9", "team:1#member@user:ann")
    assert not sees(view, ANN, "page:1#viewer")
    assert sees(view, BEN, "page:1#viewer")
    relate(view, "s/t/9", position=2)
    assert sees(view, ANN, "page:1#viewer")


def test_an_exclusion_counts_although_its_tuple_is_found_long_after_the_relation_is_reached() -> None:
    types = {"page": {"viewer": "editor but not this", "editor": "this"}}
    chain = [f"team:{n + 1}#member@team:{n}#member" for n in range(5)]
    view = view_of(types, "page:1#editor@user:ann", "team:0#member@user:ann", *chain, "page:1#viewer@team:5#member")
    assert not sees(view, ANN, "page:1#viewer")


def test_an_exception_to_an_exclusion_lets_in_again() -> None:
    types = {"doc": {"all": "this", "out": "this", "back": "this", "viewer": "all but not (out but not back)"}}
    view = view_of(types, "doc:1#all@user:*", "doc:1#out@user:ann", "doc:1#out@user:ben", "doc:1#back@user:ben")
    assert (sees(view, ANN, "doc:1#viewer"), sees(view, BEN, "doc:1#viewer")) == (False, True)


def test_one_whom_tuples_make_exclude_itself_gets_nothing_and_is_denied() -> None:
    view = view_of(FOLDERS, "page:1#viewer@user:ann", "page:1#banned@page:1#viewer")
    assert not sees(view, ANN, "page:1#viewer")
    assert not sees(view, ANN, "user:*", denied="page:1#viewer")
    assert sees(view, BEN, "user:*", denied="page:1#viewer")


def test_tuples_count_only_where_the_rewrite_has_this() -> None:
    types = {"plan": {"member": "this", "subscriber": "member"}}
    view = view_of(types, "plan:1#subscriber@user:ann", "plan:1#member@user:ben")
    assert (sees(view, ANN, "plan:1#subscriber"), sees(view, BEN, "plan:1#subscriber")) == (False, True)


def test_a_relation_that_a_declared_type_has_not_grants_nothing_and_denies() -> None:
    view = view_of(FOLDERS, "folder:1#owner@user:ann", "page:1#viewer@user:*", "page:1#banned@folder:1#owner")
    assert not sees(view, ANN, "folder:1#owner")
    assert not sees(view, ANN, "user:*", denied="folder:1#owner")
    assert (sees(view, ANN, "page:1#viewer"), sees(view, BEN, "page:1#viewer")) == (False, True)


def test_types_that_are_not_declared_are_as_without_a_model() -> None:
    view = view_of(FOLDERS, "team:1#member@user:ann", "team:2#lead@team:1#member")
    assert sees(view, ANN, "team:2#lead")


def test_cycles_of_teams_and_of_folders_end() -> None:
    view = view_of(
        FOLDERS,
        "team:1#member@team:2#member",
        "team:2#member@team:1#member",
        "folder:1#parent@folder:2",
        "folder:2#parent@folder:1",
        "folder:1#viewer@team:2#member",
        "team:1#member@user:ann",
    )
    assert (sees(view, ANN, "folder:2#viewer"), sees(view, BEN, "folder:2#viewer")) == (True, False)


def test_nothing_crosses_tenants_by_any_rewrite() -> None:
    view = view_of(FOLDERS, "folder:2#parent@folder:1", "page:1#folder@folder:2", "page:1#viewer@user:*")
    relate(view, "s/other/1", "folder:1#viewer@user:ann", "page:2#viewer@user:*", tenant="rival")
    assert not sees(view, ANN, "folder:2#viewer", "page:2#viewer")
    assert not view.visible(Principal("ann", "rival")).labels
    assert sees(view, ANN, "page:1#viewer")
    for reader, seen in (("folder:1#viewer", True), ("folder:2#viewer", False), ("page:1#viewer", False)):
        own = Label(tenant="rival", readers=(reader,))
        view.define(LabelDefinition.of(own))
        assert (own.id in view.visible(Principal("ann", "rival")).labels) is seen


def test_public_is_everyone_of_the_tenant_and_nobody_else() -> None:
    view = view_of({}, "room:1#guest@public:*")
    assert sees(view, ANN, "room:1#guest")
    assert sees(view, ANN, "public:*")
    assert not view.visible(Principal("eve", "rival")).labels
    assert not sees(view, ANN, "user:*", denied="public:*")


def test_a_chain_of_ten_thousand_parents_is_followed_to_its_end() -> None:
    view = view_of(FOLDERS, *(f"folder:{n + 1}#parent@folder:{n}" for n in range(10_000)), "folder:0#editor@user:ann")
    assert sees(view, ANN, "folder:10000#viewer")
    assert not sees(view, BEN, "folder:10000#viewer")


def test_a_doubted_source_neither_grants_nor_clears_of_an_exclusion() -> None:
    view = view_of(FOLDERS, "folder:1#viewer@user:ann", "page:1#viewer@user:ann")
    relate(view, "late/t/1", "folder:2#viewer@user:ann")
    assert sees(view, ANN, "folder:1#viewer", doubted="late")
    assert not sees(view, ANN, "folder:2#viewer", doubted="late")
    assert sees(view, ANN, "page:1#viewer")
    assert not sees(view, ANN, "page:1#viewer", doubted="late")


def test_while_a_row_cannot_be_read_it_may_name_anybody_who_is_denied_or_excluded() -> None:
    view = view_of(FOLDERS, "page:1#viewer@user:ann", "folder:1#viewer@user:ann")
    label = Label(tenant="acme", readers=("page:1#viewer",))
    assert sees(view, ANN, "page:1#viewer")
    view.distrust("crm/bans/7")
    assert label.id not in view.visible(ANN).labels, "an answer of before is kept"
    assert not sees(view, ANN, "user:*", denied="team:1#member")
    assert sees(view, ANN, "folder:1#viewer")
    relate(view, "crm/bans/7", "page:1#banned@user:ben")
    assert sees(view, ANN, "page:1#viewer")
    assert sees(view, ANN, "user:*", denied="team:1#member")


def test_clearing_keeps_the_model() -> None:
    view = view_of(FOLDERS)
    view.clear()
    relate(view, "s/t/1", "folder:1#editor@user:ann")
    assert sees(view, ANN, "folder:1#viewer")


def test_one_who_reaches_little_is_answered_in_milliseconds_among_many_labels_and_tuples() -> None:
    view = PermissionView(model(FOLDERS))
    for n in range(2_000):
        view.define(LabelDefinition.of(Label(tenant="acme", readers=(f"page:{n}#viewer", f"folder:{n}#viewer"))))
        members = [f"team:{n}#member@user:{n}.{k}" for k in range(8)]
        relate(view, f"s/t/{n}", *members, f"folder:{n}#viewer@team:{n}#member", f"page:{n}#folder@folder:{n}")
    took = []
    for n in range(20):
        began = time.process_time()
        assert len(view.visible(Principal(f"{n}.1", "acme")).labels) == 1
        took.append(time.process_time() - began)
    assert sorted(took)[10] < 0.005
