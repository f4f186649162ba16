"""The last comparison finds each kind of difference; a run that did too little is void."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from infra.chaos.compare import Differences, compare, expected
from infra.chaos.moves import MOST_ROWS, Moves
from infra.chaos.plans import Owned
from infra.chaos.product import Seen
from infra.chaos.result import Least, Result, with_findings
from infra.chaos.tables import NOTES, contract, write_sources
from infra.chaos.timeline import Access
from schemas.contract import Contract
from schemas.position import Position

ROW = {
    "id": 7,
    "tenant": "red",
    "owner": "ann",
    "team": "1",
    "barred": None,
    "subject": "A note",
    "body": "one  two\nthree",
    "rev": 3,
}
NAME = "chaos/chaos.notes/7"
WANTED = expected([(NOTES, ROW)])
RIGHT = Seen(
    position=Position("5"),
    labels=frozenset({WANTED[NAME].label}),
    texts=("one two", "three"),
    titles=frozenset({"A note"}),
    revisions=frozenset({3}),
)


def test_an_index_that_holds_what_the_database_holds_has_no_difference() -> None:
    assert compare(WANTED, {NAME: RIGHT, "chaos/chaos.notes/8": Seen()}, 1) == Differences()


@pytest.mark.parametrize(
    ("held", "kind"),
    [
        (Seen(), "lost"),
        (replace(RIGHT, revisions=frozenset({2})), "stale"),
        (replace(RIGHT, texts=("one two",)), "stale"),
        (replace(RIGHT, titles=frozenset({"Another"})), "stale"),
        (replace(RIGHT, labels=frozenset({1})), "mislabelled"),
        (replace(RIGHT, labels=RIGHT.labels | {1}), "mislabelled"),
    ],
)
def test_each_difference_is_found(held: Seen, kind: str) -> None:
    found = compare(WANTED, {NAME: held}, int(held.present))
    assert {name: len(getattr(found, name)) for name in ("lost", "stale", "extra", "mislabelled")} == {
        **dict.fromkeys(("lost", "stale", "extra", "mislabelled"), 0),
        kind: 1,
    }


def test_a_record_the_database_has_not_is_extra_known_or_unknown() -> None:
    assert len(compare({}, {NAME: RIGHT}, 1).extra) == 1
    assert len(compare(WANTED, {NAME: RIGHT}, 2).extra) == 1


def test_a_run_is_good_only_with_enough_done_and_nothing_found(tmp_path: Path) -> None:
    good = Result(1, 2, Least(10, 1, 1), changes=10, looks=1, answers=1)
    good.faults["worker_kill"] += 1
    good.judge()
    assert good.ok
    good.write(tmp_path / "chaos.json")
    told = json.loads((tmp_path / "chaos.json").read_text())
    assert set(told) == {"seed", "changes", "workers", "faults", "recovery_ms"} | set(good.found)
    with_findings(good, {"leaks": ["ann saw it"]})
    assert not good.ok
    idle = Result(1, 2, Least(10, 1, 1), changes=9)
    idle.judge()
    assert not idle.ok
    assert len(idle.problems) == 3


def test_the_contract_is_one_and_is_what_is_written(tmp_path: Path) -> None:
    Contract.model_validate(contract())
    write_sources(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"chaos.yaml", "chaos.debezium.json"}


def test_the_same_seed_makes_the_same_transactions_which_touch_each_row_once() -> None:
    def made() -> list[object]:
        owned = Owned()
        moves, found = Moves(Random("5/0"), 0, 4, owned), []
        for _ in range(3000):
            transaction = moves.next()
            owned.settle(transaction.planned)
            found.append(transaction)
        assert max(len(owned.keys(name)) for name in ("notes", "bulletins", "Entries", "papers")) <= MOST_ROWS + 5
        return found

    first = made()
    assert first == made()
    for transaction in first:
        touched = [place for step in transaction.steps for place in step.planned]
        assert len(touched) == len(set(touched))
    assert any(step.query.startswith("TRUNCATE") for transaction in first for step in transaction.steps)


def test_two_writers_never_touch_one_row() -> None:
    touched = []
    for number in range(2):
        owned = Owned()
        moves = Moves(Random(f"1/{number}"), number, 2, owned)
        places = set()
        for _ in range(500):
            planned = moves.next().planned
            owned.settle(planned)
            places |= {place for place, what in planned.items() if what is None or isinstance(what, Access)}
        touched.append(places)
    assert not touched[0] & touched[1]
