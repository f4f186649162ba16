"""The oracle against cases made by hand: each rule alone, and together."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from leaks_stage import PLAIN, asking, holding, world_of

from infra.leaks import oracle
from infra.leaks.bearer import Asking, Narrowing
from infra.leaks.world import World

OWNED = replace(PLAIN, owner="ann")
FILED = replace(PLAIN, folder="1")


def may(world: World, asked: Asking) -> bool:
    (doc,) = world.docs.values()
    return oracle.judge(world, asked, doc).may


def test_the_owner_sees_her_document_and_nobody_else_does() -> None:
    assert may(world_of(OWNED), asking("ann"))
    assert not may(world_of(OWNED), asking("ben"))
    assert not may(world_of(PLAIN), asking("ann"))


def test_the_same_name_in_another_tenant_is_somebody_else() -> None:
    assert not may(world_of(OWNED), asking("ann", tenant="blue"))
    everyone = world_of(FILED, entries=("viewers 1 user:*",))
    assert may(everyone, asking())
    assert not may(everyone, asking(tenant="blue"))


@pytest.mark.parametrize(
    ("entries", "folders", "seen"),
    [
        (["viewers 1 user:ann"], {}, True),
        (["editors 1 user:ann"], {}, True),
        (["viewers 1 user:ben"], {}, False),
        (["viewers 1 public:*"], {}, True),
        (["viewers 1 team:1#member", "members 1 user:ann"], {}, True),
        (["viewers 1 team:1#member", "members 1 team:2#member", "members 2 user:ann"], {}, True),
        (["viewers 1 team:1#member", "members 2 user:ann"], {}, False),
        (["viewers 1 team:1#member", "members 1 team:2#member", "members 2 team:1#member"], {}, False),
        (["viewers 3 user:ann"], {"1": "2", "2": "3"}, True),
        (["viewers 1 user:ben", "viewers 2 user:ann"], {"2": "1"}, False),
        (["viewers 2 user:ann"], {"1": "2", "2": "1"}, True),
        (["viewers 2 user:ann"], {"1": "1"}, False),
        (["viewers 1 user:ann", "bans 1 user:ann"], {}, False),
        (["viewers 1 user:ann", "bans 2 user:ann"], {"1": "2"}, False),
        (["viewers 1 user:ann", "bans 2 user:ann"], {"2": "1"}, True),
        (["viewers 2 user:ann", "bans 1 team:1#member", "members 1 user:ann"], {"1": "2"}, False),
        (["viewers 1 user:ann", "bans 1 user:ben"], {}, True),
    ],
)
def test_folders_open_by_whom_they_name_and_by_what_they_are_in(
    entries: list[str], folders: dict[str, str | None], seen: bool
) -> None:
    assert may(world_of(FILED, entries=tuple(entries), folders=folders), asking()) is seen


@pytest.mark.parametrize("denied", ["user:ann", "team:1#member", "user:*", "public:*"])
def test_a_denied_document_is_hidden_from_its_very_owner(denied: str) -> None:
    assert not may(world_of(replace(OWNED, denied=denied), entries=("members 1 user:ann",)), asking())
    assert may(world_of(replace(OWNED, denied="user:ben")), asking())


@pytest.mark.parametrize("classification", ["secret", None])
def test_a_secret_needs_clearance_and_an_audit(classification: str | None) -> None:
    world = world_of(replace(OWNED, classification=classification))
    assert may(world, asking(purpose="audit", attributes={"clearance": "high"}))
    assert not may(world, asking(purpose="support", attributes={"clearance": "high"}))
    assert not may(world, asking(purpose="audit", attributes={"clearance": "low"}))
    assert not may(world, asking(purpose="audit"))


def test_what_is_of_europe_is_for_europeans_and_what_is_of_asia_for_people() -> None:
    europe, asia = world_of(replace(OWNED, region="eu")), world_of(replace(OWNED, region="asia"))
    assert may(europe, asking(attributes={"region": "eu"}))
    assert not may(europe, asking())
    assert may(asia, asking())
    assert not may(asia, asking(agent="planner"))
    assert may(world_of(replace(OWNED, region=None)), asking(agent="planner"))


def test_a_draft_is_for_review() -> None:
    draft = world_of(replace(OWNED, state="draft"))
    assert may(draft, asking(purpose="review"))
    assert not may(draft, asking())


def test_what_every_hand_left_is_what_counts() -> None:
    low, high = frozenset({"public"}), frozenset({"public", "internal"})
    internal = world_of(replace(OWNED, classification="internal"))
    assert may(internal, holding(Narrowing(ceiling={"classification": high})))
    assert not may(
        internal, holding(Narrowing(ceiling={"classification": high}), Narrowing(ceiling={"classification": low}))
    )
    assert not may(world_of(replace(OWNED, region=None)), holding(Narrowing(ceiling={"region": frozenset({"us"})})))
    assert oracle.most(holding(Narrowing(rows=7), Narrowing(), Narrowing(rows=9))) == 7


@pytest.mark.parametrize(
    "hand", [Narrowing(operations=frozenset({"freshness"})), Narrowing(sources=frozenset({"wiki"}))]
)
def test_a_token_that_leaves_nothing_to_search_shows_nothing(hand: Narrowing) -> None:
    assert not may(world_of(OWNED), holding(Narrowing(), hand))
    assert not oracle.may_ask(holding(hand).bearer)


NAMES = st.sampled_from(["user:ann", "user:ben", "user:*", "team:1#member", "team:2#member", "team:3#member"])
ENTRIES = st.frozensets(
    st.one_of(
        st.builds("members {} {}".format, st.sampled_from("123"), NAMES),
        st.builds("{} {} {}".format, st.sampled_from(["viewers", "editors", "bans"]), st.sampled_from("123"), NAMES),
    ),
    max_size=12,
)
PARENTS = st.dictionaries(st.sampled_from("123"), st.one_of(st.none(), st.sampled_from("123")))


@settings(deadline=None)
@given(ENTRIES, PARENTS, st.sampled_from("123"))
def test_a_ban_takes_away_and_a_grant_gives_whatever_else_there_is(
    entries: frozenset[str], parents: dict[str, str | None], folder: str
) -> None:
    doc = replace(PLAIN, folder=folder)
    granted = may(world_of(doc, entries=(*entries, f"viewers {folder} user:ann"), folders=parents), asking())
    banned = may(world_of(doc, entries=(*entries, f"bans {folder} user:ann"), folders=parents), asking())
    before = may(world_of(doc, entries=tuple(entries), folders=parents), asking())
    assert not banned
    assert granted or not before
    named = {name for entry in entries if entry.startswith("bans") for name in [entry.split()[2]]}
    assert granted or any(name != "user:ben" for name in named)


@settings(deadline=None)
@given(ENTRIES, PARENTS, st.sampled_from("123"))
def test_who_views_a_folder_is_the_least_fixpoint_of_its_rule(
    entries: frozenset[str], parents: dict[str, str | None], folder: str
) -> None:
    """Asked once more in the other direction: from the rows outwards, until nothing is added."""
    world = world_of(replace(PLAIN, folder=folder), entries=tuple(entries), folders=parents)
    asked = asking()
    means = {"user:ann", "user:*"}
    rows = [(e.table, e.object, e.subject) for e in world.entries()]
    for _ in rows:
        means |= {f"team:{team}#member" for table, team, name in rows if table == "members" and name in means}
    banned = {thing for table, thing, name in rows if table == "bans" and name in means}
    viewing = {thing for table, thing, name in rows if table in ("viewers", "editors") and name in means}
    for _ in "123":
        banned |= {child for child, parent in parents.items() if parent in banned}
    viewing -= banned
    for _ in "123":
        viewing |= {child for child, parent in parents.items() if parent in viewing} - banned
    assert may(world, asked) is (folder in viewing)
