"""Random models and tuples: the quick way answers as the slow one does (tests/contracts/relation_oracle.py)."""

from random import Random

from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from relation_oracle import Members, Oracle, Tuple3

from query.principal import Principal
from query.relations import RelationGraph
from query.usersets import Bounds
from query.view import PermissionView
from schemas.label import Label, LabelDefinition
from schemas.position import Position
from schemas.relation import Grant, RelationTuple
from schemas.relation_model import RelationModel, contradictions
from schemas.rewrite import Rewrite

PEOPLE = ("ann", "ben")
NAMES = ("m", "v", "x", "up", "z")
OBJECTS = ("a:1", "a:2", "b:1", "u:1")
"""Types a and b are declared, each with `up`, which `from` follows; type u never is."""
USERSETS = [f"{o}#{r}" for o in OBJECTS for r in NAMES]
SUBJECTS = ["user:ann", "user:ben", "user:*", "public:*", *OBJECTS, *USERSETS]

LEAVES = ("this", "this", "this", "m", "v", "x", "m from up", "v from up", "x from up")
SEEDS = st.integers(0, 2**64 - 1)
"""An example is a seed: drawing each choice from hypothesis costs ten times the test, and nothing is gained by it."""
random_cases = settings(max_examples=250, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])


def expression(dice: Random, depth: int = 0) -> str:
    match dice.randrange(6) if depth < 2 else 0:
        case 0 | 1:
            return dice.choice(LEAVES)
        case 2 | 3:
            joined = dice.choice((" or ", " or ", " and "))
            return "(" + joined.join(expression(dice, depth + 1) for _ in range(dice.randint(2, 3))) + ")"
    return f"({expression(dice, depth + 1)} but not {expression(dice, depth + 1)})"


def random_model(dice: Random) -> RelationModel:
    """One that can be loaded: others are thrown away."""
    while True:
        written = {name: {**{r: expression(dice) for r in "mvx"}, "up": "this"} for name in "ab"}
        read = {name: {r: Rewrite(text) for r, text in relations.items()} for name, relations in written.items()}
        if not list(contradictions(read)):
            return RelationModel.model_validate({"types": written})


def random_tuples(dice: Random) -> list[Tuple3]:
    """People are often in something, so that much is reached; z is a relation that no declared type has."""
    found = []
    for _ in range(dice.randint(0, 14)):
        kind = dice.random()
        if kind < 0.3:
            found.append((dice.choice(OBJECTS), "up", dice.choice(OBJECTS)))
        elif kind < 0.7:
            found.append((dice.choice(OBJECTS), dice.choice("mvx"), dice.choice(SUBJECTS[:4])))
        else:
            found.append((dice.choice(OBJECTS), dice.choice(("m", "v", "x", "x", "z", "up")), dice.choice(SUBJECTS)))
    return found


def oracle_of(model: RelationModel, tuples: list[Tuple3]) -> Oracle:
    rules = {name: {r: rewrite.expression for r, rewrite in one.items()} for name, one in model.types.items()}
    return Oracle(rules, tuples, [f"user:{person}" for person in PEOPLE])


def grant(row: str, position: int, tuples: list[Tuple3]) -> Grant:
    entries = tuple(RelationTuple(tenant="acme", object=o, relation=r, subject=s) for o, r, s in tuples)
    return Grant(record_id=row, position=Position(f"{position:016x}"), commit_ms=0, tuples=entries)


def bounds_of(model: RelationModel, tuples: list[Tuple3]) -> dict[str, Bounds]:
    graph = RelationGraph(model)
    for number, entry in enumerate(tuples):
        graph.apply(grant(f"s/t/{number}", 1, [entry]))
    return {f"user:{person}": graph.bounds(Principal(person, "acme")) for person in PEOPLE}


def members(found: dict[str, Bounds], certain: bool) -> Members:
    """As the oracle writes them."""
    every = set()
    for who, bound in found.items():
        reach = bound.certain if certain else bound.possible
        assert reach is not None
        usersets = [name.rsplit("#", 1) for name in reach.came_from if "#" in name]
        every |= {(object_name, relation, who) for object_name, relation in usersets}
    return frozenset(every)


def whole(found: Members) -> Members:
    """Without the names that the oracle gives to excluded parts."""
    return frozenset(fact for fact in found if "/" not in fact[1])


@random_cases
@given(SEEDS)
def test_both_bounds_are_those_of_the_oracle(seed: int) -> None:
    dice = Random(seed)
    model, tuples = random_model(dice), random_tuples(dice)
    found = bounds_of(model, tuples)
    certain, possible = oracle_of(model, tuples).well_founded()
    assert (members(found, True), members(found, False)) == (whole(certain), whole(possible))


@random_cases
@given(SEEDS)
def test_where_no_userset_excludes_itself_there_is_no_doubt_and_the_answer_is_that_of_a_level_by_level_one(
    seed: int,
) -> None:
    dice = Random(seed)
    model, tuples = random_model(dice), random_tuples(dice)
    tuples = [entry for entry in tuples if entry[1] != "z" and not entry[2].endswith("#z")]
    oracle = oracle_of(model, tuples)
    expected = oracle.stratified()
    assume(expected is not None)
    assert expected is not None
    found = bounds_of(model, tuples)
    assert members(found, True) == whole(expected)
    assert members(found, False) == whole(expected)


LABELS = [
    Label(tenant="acme", readers=(reader,), denied=denied)
    for reader in ("user:*", "user:ann", "a:1#v", "b:1#m", "u:1#m")
    for denied in ((), ("a:1#m",), ("b:1#v", "u:1#x"), ("user:ben",))
]


def visible(model: RelationModel, known: list[Tuple3], other: list[Tuple3], doubted: bool) -> dict[str, frozenset[int]]:
    view = PermissionView(model)
    for label in LABELS:
        view.define(LabelDefinition.of(label))
    view.relate(grant("sure/t/1", 1, known))
    view.relate(grant("late/t/1", 1, other))
    doubt = frozenset({"late"} if doubted else ())
    return {who: frozenset(view.visible(Principal(who, "acme"), doubt).labels) for who in PEOPLE}


@random_cases
@given(SEEDS)
def test_a_doubted_source_shows_nothing_that_is_hidden_whatever_the_source_may_say(
    seed: int,
) -> None:
    dice = Random(seed)
    model, known, heard, true = random_model(dice), random_tuples(dice), random_tuples(dice), random_tuples(dice)
    shown = visible(model, known, heard, doubted=True)
    really = visible(model, known, true, doubted=False)
    assert all(shown[who] <= really[who] for who in PEOPLE)


@random_cases
@given(SEEDS)
def test_while_a_row_cannot_be_read_nothing_is_shown_that_is_hidden_whatever_the_row_may_say(
    seed: int,
) -> None:
    dice = Random(seed)
    model, known, heard, true = random_model(dice), random_tuples(dice), random_tuples(dice), random_tuples(dice)
    view = PermissionView(model)
    for label in LABELS:
        view.define(LabelDefinition.of(label))
    view.relate(grant("sure/t/1", 1, known))
    view.relate(grant("late/t/1", 1, heard))
    before = {who: view.visible(Principal(who, "acme")).labels for who in PEOPLE}
    view.distrust("late/t/1")
    shown = {who: view.visible(Principal(who, "acme")).labels for who in PEOPLE}
    really = visible(model, known, true, doubted=False)
    assert all(shown[who] <= really[who] for who in PEOPLE)
    view.relate(grant("late/t/1", 2, heard))
    assert {who: view.visible(Principal(who, "acme")).labels for who in PEOPLE} == before
