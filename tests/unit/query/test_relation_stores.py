"""Models as others publish them, with companies of our own: tests/data/relations, each with who is in what, exactly."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from relation_oracle import Oracle

from query.principal import Principal
from query.relations import RelationGraph
from schemas.position import Position
from schemas.relation import Grant, RelationTuple
from schemas.relation_model import RelationModel

FILES = sorted((Path(__file__).parents[2] / "data" / "relations").glob("*.yaml"))


def tuple_of(text: str) -> tuple[str, str, str]:
    userset, _, subject = text.partition("@")
    object_name, _, relation = userset.rpartition("#")
    return object_name, relation, subject


@pytest.fixture(params=FILES, ids=[file.stem for file in FILES])
def store(request: pytest.FixtureRequest) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(request.param.read_text(encoding="utf-8"))
    return read


def test_there_are_stores_of_many_kinds() -> None:
    assert len(FILES) >= 12


def test_exactly_those_are_in_each_userset_who_should_be(store: dict[str, Any]) -> None:
    graph = RelationGraph(RelationModel.model_validate({"types": store["types"]}))
    for number, text in enumerate(store["tuples"]):
        object_name, relation, subject = tuple_of(text)
        entry = RelationTuple(tenant="acme", object=object_name, relation=relation, subject=subject)
        graph.apply(Grant(record_id=f"s/t/{number}", position=Position("1" * 16), commit_ms=0, tuples=(entry,)))
    found = {person: graph.bounds(Principal(person, "acme")) for person in store["people"]}
    assert {
        userset: [person for person in store["people"] if userset in found[person].certain.came_from]
        for userset in store["in"]
    } == {userset: sorted(people, key=store["people"].index) for userset, people in store["in"].items()}
    assert all(len(bounds.possible or ()) == len(bounds.certain) for bounds in found.values())


def test_the_oracle_of_the_random_tests_says_the_same(store: dict[str, Any]) -> None:
    model = RelationModel.model_validate({"types": store["types"]})
    rules = {name: {r: rewrite.expression for r, rewrite in one.items()} for name, one in model.types.items()}
    oracle = Oracle(rules, map(tuple_of, store["tuples"]), [f"user:{person}" for person in store["people"]])
    members = oracle.stratified()
    assert members is not None
    for userset, people in store["in"].items():
        object_name, _, relation = userset.rpartition("#")
        assert {p for o, r, p in members if (o, r) == (object_name, relation)} == {f"user:{p}" for p in people}
