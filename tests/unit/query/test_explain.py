from query.explain import Explanation, explain
from query.principal import Principal
from query.view import PermissionView
from schemas.label import Label, LabelDefinition, LabelId
from schemas.position import Position
from schemas.relation import Grant, RelationTuple
from schemas.relation_model import RelationModel

ANN, BEN = Principal("ann", "acme"), Principal("ben", "acme")
TYPES = {
    "folder": {"parent": "this", "editor": "this", "viewer": "this or editor or viewer from parent"},
    "page": {
        "folder": "this",
        "banned": "this",
        "reviewer": "this",
        "viewer": "(this or viewer from folder) but not banned",
        "draft": "viewer and reviewer",
    },
}


def company(**rows: str) -> PermissionView:
    """A row for each tuple, written object#relation@subject; the row's name is its source."""
    view = PermissionView(RelationModel.model_validate({"types": TYPES}))
    for source, text in rows.items():
        userset, _, subject = text.partition("@")
        object_name, _, relation = userset.rpartition("#")
        entry = RelationTuple(tenant="acme", object=object_name, relation=relation, subject=subject)
        at = Position("1" * 16)
        view.relate(Grant(record_id=f"{source}/t/1", position=at, commit_ms=0, tuples=(entry,)))
    return view


def told(
    view: PermissionView, who: Principal, *readers: str, denied: tuple[str, ...] = (), doubted: str = ""
) -> Explanation:
    label = Label(tenant="acme", readers=readers, denied=denied)
    view.define(LabelDefinition.of(label))
    return explain(view, who, label.id, frozenset({doubted} if doubted else ()))


def test_the_way_to_a_visible_label_is_told_step_by_step_with_the_rows() -> None:
    view = company(a="team:1#member@user:ann", b="folder:1#editor@team:1#member", c="page:9#folder@folder:1")
    found = told(view, ANN, "page:9#viewer", "user:zoe")
    assert found.verdict == "visible"
    assert found.text.splitlines() == [
        f"user:ann of tenant acme sees it (label {found.label})",
        "readers:",
        "  page:9#viewer: yes",
        "    user:ann: who asks",
        "    team:1#member: user:ann is in it (a/t/1)",
        "    folder:1#editor: team:1#member is in it (b/t/1)",
        "    folder:1#viewer: folder:1#editor is in it, by `this or editor or viewer from parent`",
        "    page:9#viewer: folder:1#viewer is in it, being folder of page:9 and who asks is not in `banned`, "
        "by `(this or viewer from folder) but not banned` (c/t/1)",
        "  user:zoe: no",
    ]


def test_all_parts_of_an_intersection_are_told() -> None:
    view = company(a="page:9#viewer@user:*", b="page:9#reviewer@team:1#member", c="team:1#member@user:ann")
    [entry] = told(view, ANN, "page:9#draft").readers
    names = [step.name for step in entry.steps]
    assert set(names) == {"user:ann", "user:*", "team:1#member", "page:9#viewer", "page:9#reviewer", "page:9#draft"}
    assert (names[0], names[-1]) == ("user:ann", "page:9#draft")
    assert names.index("team:1#member") < names.index("page:9#reviewer")
    [other] = told(view, BEN, "page:9#draft").readers
    assert other.lacks == ("the rule is `viewer and reviewer`", "missing: `reviewer`")


def test_whom_an_exclusion_shuts_out_is_told_by_which_way() -> None:
    view = company(a="page:9#viewer@user:*", b="page:9#banned@team:1#member", c="team:1#member@user:ann")
    found = told(view, ANN, "page:9#viewer")
    assert found.verdict == "no_reader"
    assert found.readers[0].lacks[1] == "excluded by `banned`: user:ann → team:1#member → page:9#banned"


def test_a_denied_one_is_told_the_way_to_the_denial() -> None:
    found = told(company(a="team:1#member@user:ann"), ANN, "user:*", denied=("team:1#member", "user:zoe"))
    assert found.verdict == "denied"
    assert [(entry.name, entry.reached) for entry in found.denied] == [("team:1#member", True), ("user:zoe", False)]
    assert found.denied[0].steps[-1].rows == ("a/t/1",)


def test_what_only_a_doubted_source_grants_is_told_as_such() -> None:
    view = company(late="team:1#member@user:ann")
    found = told(view, ANN, "team:1#member", doubted="late")
    assert (found.verdict, found.doubted) == ("no_reader", ("late",))
    assert found.readers[0].lacks == ("only by rows of sources that are too far behind",)


def test_a_group_that_is_denied_is_unknown_while_a_source_is_doubted() -> None:
    found = told(company(), ANN, "user:*", denied=("team:1#member",), doubted="late")
    assert found.verdict == "denied"
    assert "too far behind" in found.denied[0].lacks[0]


def test_a_relation_that_the_model_has_not_is_told() -> None:
    found = told(company(a="folder:1#owner@user:ann"), ANN, "folder:1#owner")
    assert found.readers[0].lacks == ("relations.yaml gives folder no relation owner, so nobody is in it",)


def test_of_another_tenant_and_of_unknown_labels_nothing_is_told_but_that() -> None:
    view = company(a="team:1#member@user:ann")
    label = told(view, ANN, "team:1#member").label
    stranger = explain(view, Principal("ann", "rival"), label)
    assert (stranger.verdict, stranger.readers, stranger.denied) == ("other_tenant", (), ())
    assert explain(view, ANN, LabelId(7)).verdict == "label_unknown"


def test_an_asker_is_told_only_how_it_sees_what_it_sees() -> None:
    view = company(a="team:1#member@user:ann")
    found = told(view, ANN, "team:1#member", "team:secret#member", denied=("user:zoe",)).for_asker()
    assert found is not None
    assert "secret" not in found.text
    assert "zoe" not in found.text
    assert "a/t/1" not in found.text
    assert [step.name for step in found.readers[0].steps] == ["user:ann", "team:1#member"]
    hidden = [told(view, BEN, "team:1#member"), explain(view, ANN, LabelId(7))]
    assert [one.for_asker() for one in hidden] == [None, None]


def test_the_verdict_is_always_what_the_view_decides() -> None:
    view = company(a="page:9#viewer@user:*", b="page:9#banned@user:ann", c="folder:1#viewer@page:9#viewer")
    for who in (ANN, BEN):
        for readers in (("page:9#viewer",), ("folder:1#viewer",), ("user:*",)):
            for denied in ((), ("page:9#banned",), (who.name,)):
                found = told(view, who, *readers, denied=denied)
                assert (found.verdict == "visible") == (found.label in view.visible(who).labels)


def test_a_chain_of_thousands_is_told() -> None:
    view = company(a="folder:0#viewer@user:ann")
    chain = [(f"folder:{n + 1}", f"folder:{n}") for n in range(3000)]
    pairs = [RelationTuple(tenant="acme", object=child, relation="parent", subject=up) for child, up in chain]
    view.relate(Grant(record_id="b/t/1", position=Position("1" * 16), commit_ms=0, tuples=tuple(pairs)))
    assert len(told(view, ANN, "folder:3000#viewer").readers[0].steps) == 3002
