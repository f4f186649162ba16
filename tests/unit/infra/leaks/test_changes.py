"""Random changes: the database and the world stay one and the same, by the same seed the same."""

from collections import Counter
from dataclasses import astuple
from random import Random

import pytest
from leaks_stage import small_database

from infra.leaks.changes import Changes
from infra.leaks.rounds import write
from infra.leaks.world import MOST_DOCS, TENANTS, World, update_doc


def plain(world: World) -> tuple[object, ...]:
    return world.entries(), world.folders, world.docs


def test_every_change_does_the_same_to_the_database_as_to_the_world() -> None:
    changes = Changes(Random(5))
    with small_database(changes.world) as database:
        assert plain(database.world()) == plain(changes.world)
        for _ in range(1500):
            write(database, [changes.next()])  # type: ignore[arg-type]
        assert plain(database.world()) == plain(changes.world)


def test_the_same_seed_makes_the_same_company_and_changes() -> None:
    one, other, third = Changes(Random(3)), Changes(Random(3)), Changes(Random(4))
    assert [one.next() for _ in range(200)] == [other.next() for _ in range(200)]
    assert one.world == other.world != third.world


def test_a_company_has_of_everything_and_never_more_than_an_answer_can_hold() -> None:
    changes = Changes(Random(1))
    for _ in range(2000):
        changes.next()
        assert max(Counter(doc.tenant for doc in changes.world.docs.values()).values()) <= MOST_DOCS
    world = changes.world
    assert {(e.table, e.tenant) for e in world.entries()} >= {
        (table, tenant) for table in ("members", "viewers", "editors", "bans") for tenant in TENANTS
    }
    assert any(e.subject.startswith("team:") for e in world.entries() if e.table == "members")
    assert {e.subject for e in world.entries()} & {"user:*", "public:*"}
    assert any(not doc.owner and not doc.folder for doc in world.docs.values())
    assert any(circular(world, place) for place in world.folders)
    seldom = [doc for doc in world.docs.values() if doc.denied]
    assert seldom
    assert len({doc.body for doc in world.docs.values()}) == len(world.docs)


def circular(world: World, place: tuple[str, str]) -> bool:
    seen, step = set(), place
    while step not in seen:
        seen.add(step)
        parent = world.folders[step]
        if parent is None:
            return False
        step = (step[0], parent)
    return True


def test_a_column_that_is_none_is_not_written_into_sql() -> None:
    with pytest.raises(ValueError, match="no column"):
        update_doc(1, "tenant = 'x' --", "y")
    assert astuple(update_doc(1, "tenant", "x'; --"))[1] == ("x'; --", 1)
