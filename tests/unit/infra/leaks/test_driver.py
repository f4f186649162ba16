"""The driver on a small database: whole rounds and revocations, and what it does when the product is not right."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from leaks_stage import TENANT, SmallDatabase, SmallProduct, asking, small_database

from infra.leaks import oracle, revocations, rounds
from infra.leaks.bearer import Asking
from infra.leaks.changes import Changes
from infra.leaks.judge import Findings
from infra.leaks.provider import Provider
from infra.leaks.revocations import KINDS, Revocations, cases
from infra.leaks.rounds import Doors, Rounds
from infra.leaks.world import Doc, World, insert_doc
from schemas.answer import Answer
from schemas.errors import Unauthenticated, Unavailable


class SmallProvider(Provider):
    """Its tokens are the small product's."""

    def __init__(self, product: SmallProduct) -> None:
        self.token = product.token  # type: ignore[method-assign]


class Stage:
    def __init__(self, changes: Changes, database: SmallDatabase) -> None:
        self.changes, self.found, self.product = changes, Findings(), SmallProduct(database)
        self.doors = Doors(self.product, SmallProvider(self.product), self.found)
        self.rounds = Rounds(self.doors, database, changes, self.found)  # type: ignore[arg-type]
        self.revocations = Revocations(self.doors, database, self.found)  # type: ignore[arg-type]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    for module in (rounds, revocations):
        monkeypatch.setattr(module, "PAUSE_S", 0.0)
    changes = Changes(Random(1))
    with small_database(changes.world) as database:
        yield Stage(changes, database)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is not as it must be at the first look is given up."""
    for module in (rounds, revocations):
        monkeypatch.setattr(module, "PATIENCE_S", 0.0)


def test_rounds_end_with_as_many_answers_as_were_asked_for_and_nothing_wrong(stage: Stage) -> None:
    stage.rounds.run(70, Random(1))
    found = stage.found
    assert (found.leaks, found.withheld, found.stale, found.problems) == ([], [], [], [])
    assert found.counts["answers"] >= 70
    assert found.counts["rightly refused"] + found.counts["answers"] == 90


def test_rounds_find_a_product_that_does_not_follow_a_change(stage: Stage) -> None:
    first = Changes(Random(1)).world
    stage.product.judge = lambda _, asked: oracle.allowed(first, asked)
    stage.rounds.run(300, Random(1))
    assert stage.found.leaks
    assert stage.found.withheld


def test_what_is_not_known_or_not_whole_is_asked_again_and_never_counted_as_an_answer(stage: Stage) -> None:
    stage.product.unknown, stage.product.not_exact = 2, 1
    assert isinstance(stage.doors.answer(asking(), stage.doors.token(asking().bearer)), Answer)
    assert stage.found.counts == {"asked again": 3}


def test_what_is_never_known_voids_the_run(stage: Stage, impatient: None) -> None:
    stage.product.unknown = 10**9
    stage.rounds.run(30, Random(1))
    assert stage.found.counts["answers"] == 0
    assert len(stage.found.problems) >= rounds.MOST_PROBLEMS


def test_a_refusal_of_the_asker_is_an_answer(stage: Stage) -> None:
    token = stage.doors.token(asking().bearer)
    stage.product.revoke(token)
    assert isinstance(stage.doors.answer(asking(), token), Unauthenticated)


@pytest.mark.parametrize("watermark", [None, 5])
def test_a_source_that_does_not_catch_up_is_not_asked(stage: Stage, impatient: None, watermark: int | None) -> None:
    stage.product.watermark = watermark
    with pytest.raises(Unavailable, match="did not catch up"):
        stage.rounds.ask([asking()])
    assert not stage.found.counts["answers"]


def test_every_kind_of_revocation_takes_away_what_was_seen_before(stage: Stage) -> None:
    stage.revocations.run(2, Random(1))
    found = stage.found
    assert (found.leaks, found.withheld, found.problems) == ([], [], [])
    assert {kind: len(taken) for kind, taken in stage.revocations.taken.items()} == dict.fromkeys(KINDS, 2)


def test_each_person_sees_her_document_by_one_path_alone() -> None:
    for case in [case for number in range(2) for case in cases(number, Random(1))]:
        with small_database(World()) as database:
            for statement in (*case.path, insert_doc(case.doc)):
                database.execute(statement.sql.encode(), statement.values)
            assert list(oracle.allowed(database.world(), case.asking)) == [case.doc.record_id]
            if case.take_away is not None:
                database.execute(case.take_away.sql.encode(), case.take_away.values)
                assert not oracle.allowed(database.world(), case.asking)


def test_what_is_still_shown_after_its_revocation_is_a_leak(stage: Stage, impatient: None) -> None:
    stage.product.ignores_revocations = True
    stage.revocations.run(1, Random(1))
    assert len(stage.found.leaks) == 2, "once by waiting in vain, once by asking again at the end"
    assert all("token" in leak for leak in stage.found.leaks)
    assert len(stage.revocations.taken["tenant"]) == 1
    assert stage.revocations.taken["token"] == []


def test_what_is_shown_again_later_is_a_leak(stage: Stage) -> None:
    shown: list[str] = []

    def forgetful(world: World, asked: Asking) -> dict[str, Doc]:
        shown.append(asked.bearer.person)
        everything = {doc.record_id: doc for doc in world.docs.values() if doc.body == asked.question.query}
        return everything if shown.count(asked.bearer.person) == 3 else oracle.allowed(world, asked)

    stage.product.judge = forgetful
    stage.revocations.run(1, Random(1))
    assert len(stage.found.leaks) == len(KINDS) - 1
    assert all("shown again" in leak for leak in stage.found.leaks)


def test_what_is_not_seen_before_its_revocation_is_withheld(stage: Stage) -> None:
    stage.product.judge = lambda world, asked: {}
    stage.revocations.run(1, Random(1))
    assert len(stage.found.withheld) == len(KINDS)
    assert not any(stage.revocations.taken.values())


def test_the_tenant_of_revocations_is_nobody_elses() -> None:
    (first, *_) = cases(0, Random(1))
    assert first.asking.bearer.tenant not in (TENANT, "green", "blue")
    assert not oracle.allowed(World(docs={1: first.doc}), replace(first.asking, bearer=asking().bearer))
