import re

import pytest
from pydantic import ValidationError

from schemas.relation_model import RelationModel, json_schema
from schemas.rewrite import MOST_DEPTH, Computed, Exclusion, From, Intersection, Rewrite, This, Union


def test_the_words_are_read_as_the_operators_they_are() -> None:
    read = Rewrite("(this or editor or viewer from parent) but not (banned and staff)").expression
    assert read == Exclusion(
        Union((This(), Computed("editor"), From("viewer", "parent"))),
        Intersection((Computed("banned"), Computed("staff"))),
    )


@pytest.mark.parametrize(
    "text", ["this", "a or b", "a and (b or c)", "(a but not b) but not c", "a but not (b but not c)", "a from b"]
)
def test_what_is_read_is_written_as_it_was(text: str) -> None:
    assert str(Rewrite(text)) == text
    assert Rewrite(f" {text.replace(' ', '  ')}\n") == Rewrite(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("a or b and c", "`or` and `and` stand side by side"),
        ("a but not b but not c", "say with ( ) which comes first"),
        ("a or b but not c", "`or` and `but not`"),
        ("a but b", "write `a but not b`"),
        ("(a", "not closed"),
        ("a)", "closes nothing"),
        ("a b", "'b' does not follow"),
        ("a or", "missing at the end"),
        ("()", "missing before ')'"),
        ("this from parent", "name a relation before `from`"),
        ("a from this", "missing before 'this'"),
        ("a from", "missing at the end"),
        ("Viewer", "lower-case"),
        ("team#member", "lower-case"),
        ("not a", "missing before 'not'"),
        ("(" * (MOST_DEPTH + 1) + "a" + ")" * (MOST_DEPTH + 1), "parentheses inside each other"),
        ("(" * 100_000, "parentheses inside each other"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_remedy(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        Rewrite(text)


def refused(**types: dict[str, str]) -> str:
    with pytest.raises(ValidationError) as told:
        RelationModel.model_validate({"types": types})
    return str(told.value)


@pytest.mark.parametrize(
    "relations",
    [
        {"a": "this but not a"},
        {"a": "this but not b", "b": "c or d", "c": "this", "d": "a"},
        {"a": "this but not (b but not c)", "b": "this", "c": "a"},
        {"a": "this but not a from up", "up": "this"},
        {"a": "this but not b", "b": "a from up", "up": "this"},
        {"a": "b and (this but not c)", "b": "this", "c": "this or a"},
    ],
)
def test_a_relation_that_depends_on_its_own_exclusion_is_refused(relations: dict[str, str]) -> None:
    assert "depends on folder#a itself" in refused(folder=relations)


def test_a_relation_that_depends_on_its_own_exclusion_by_way_of_another_type_is_refused() -> None:
    told = refused(
        page={"up": "this", "viewer": "this but not locked from up"},
        folder={"up": "this", "locked": "viewer", "viewer": "this or viewer from up"},
    )
    assert "page.viewer: it excludes folder#locked" in told


def test_relations_that_depend_on_themselves_without_exclusion_are_usual() -> None:
    types = {
        "folder": {"up": "this", "viewer": "this or viewer from up"},
        "page": {"up": "this", "banned": "this or banned from up", "viewer": "viewer from up but not banned"},
    }
    assert RelationModel.model_validate({"types": types}).types["page"]["viewer"].takes_tuples is False


@pytest.mark.parametrize(
    ("relations", "says"),
    [
        ({"a": "b"}, "no relation 'b'"),
        ({"a": "b from up", "b": "this"}, "no relation 'up'"),
        ({"a": "b from up", "b": "this", "up": "this or b"}, "make 'up' `this`"),
        ({"a": "nothing from up", "up": "this"}, "no type has a relation 'nothing'"),
        ({"or": "this"}, "a word of the language"),
    ],
)
def test_names_that_lead_nowhere_are_refused(relations: dict[str, str], says: str) -> None:
    assert says in refused(folder=relations)


def test_the_schema_for_editors_lets_every_rewrite_pass_that_is_read_and_no_capital_letter() -> None:
    types = json_schema()["properties"]["types"]["patternProperties"]
    [relations] = types.values()
    [rewrite] = relations["patternProperties"].values()
    assert all(re.search(rewrite["pattern"], text) for text in ("this", *rewrite["examples"]))
    assert not re.search(rewrite["pattern"], "Viewer")
