"""A product that is wrong in any one way is caught: what it shows too much is a leak, what it hides is withheld."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from leaks_stage import PLAIN, Judge, answer_of, asking, hit_of, holding, world_of

from infra.leaks import oracle
from infra.leaks.bearer import Askers, Asking, Narrowing
from infra.leaks.changes import Changes
from infra.leaks.judge import Findings, judge_answer, judge_refusal
from infra.leaks.result import Result
from infra.leaks.revocations import KINDS
from infra.leaks.world import Doc, World
from schemas.errors import Forbidden, PermissionsUnknown

OWNED = replace(PLAIN, owner="ann")


def compared(judge: Judge, questions: int = 400, until: str = "problems") -> Findings:
    """What is found in a product that judges so, over a random company that changes, until what is looked for is."""
    changes, found = Changes(Random(7)), Findings()
    askers = Askers(Random(7), changes.world)
    for number in range(questions):
        if getattr(found, until):
            break
        if number % 20 == 0:
            changes.next()
        asked = askers.next()
        judge_answer(changes.world, asked, answer_of(changes.world, asked, judge), found)
    return found


def in_world(change: Callable[[World], World]) -> Judge:
    return lambda world, asked: real(oracle.allowed(change(world), asked), world)


def in_asker(change: Callable[[Asking], Asking]) -> Judge:
    return lambda world, asked: oracle.allowed(world, change(asked))


def real(shown: dict[str, Doc], world: World) -> dict[str, Doc]:
    return {name: world.docs[doc.id] for name, doc in shown.items()}


def with_docs(world: World, **changed: str | None) -> World:
    return replace(world, docs={number: replace(doc, **changed) for number, doc in world.docs.items()})


def without(world: World, table: str) -> World:
    return replace(world, subjects={place: named for place, named in world.subjects.items() if place[0] != table})


def by(asked: Asking, **changed: object) -> Asking:
    return replace(asked, bearer=replace(asked.bearer, **changed))  # type: ignore[arg-type]


def unnarrowed(asked: Asking) -> Asking:
    return by(asked, chain=tuple(replace(hand, ceiling={}) for hand in asked.bearer.chain))


def of_every_tenant(world: World, asked: Asking) -> dict[str, Doc]:
    return {
        n: d for tenant in ("red", "green", "blue") for n, d in oracle.allowed(world, by(asked, tenant=tenant)).items()
    }


LEAKING: dict[str, Judge] = {
    "denied entries do not count": in_world(lambda world: with_docs(world, denied=None)),
    "bans do not count": in_world(lambda world: without(world, "bans")),
    "tenants are no wall": of_every_tenant,
    "the ceiling is not kept": in_asker(unnarrowed),
    "the first hand's ceiling alone is kept": in_asker(lambda asked: by(asked, chain=asked.bearer.chain[:1])),
    "everybody is cleared": in_asker(lambda asked: by(asked, attributes={"clearance": "high", "region": "eu"})),
    "every purpose is an audit": in_asker(
        lambda asked: replace(asked, question=asked.question.model_copy(update={"purpose": "audit"}))
    ),
    "programs are people": in_asker(lambda asked: by(asked, agent="")),
    "drafts are shown": in_world(lambda world: with_docs(world, state="final")),
}
WITHHOLDING: dict[str, Judge] = {
    "folders are not in folders": in_world(lambda world: replace(world, folders={})),
    "teams are not followed": in_world(lambda world: without(world, "members")),
    "editors are no viewers": in_world(lambda world: without(world, "editors")),
    "owners are not known": in_world(lambda world: with_docs(world, owner=None)),
    "nobody vouches for anybody": in_asker(lambda asked: by(asked, attributes={})),
    "one is always missing": lambda world, asked: dict(list(oracle.allowed(world, asked).items())[1:]),
}


def test_a_product_that_judges_as_the_oracle_has_nothing_wrong() -> None:
    found = compared(oracle.allowed)
    assert (found.leaks, found.withheld, found.stale) == ([], [], [])
    assert found.counts["answers"] == 400
    assert found.counts["some hits"] > 200


@pytest.mark.parametrize("wrong", LEAKING)
def test_a_product_that_shows_too_much_is_caught(wrong: str) -> None:
    assert compared(LEAKING[wrong], until="leaks").leaks


@pytest.mark.parametrize("wrong", WITHHOLDING)
def test_a_product_that_shows_too_little_is_caught(wrong: str) -> None:
    assert compared(WITHHOLDING[wrong], until="withheld").withheld


def test_a_leak_is_told_with_who_what_and_why() -> None:
    found, world, asked = Findings(), world_of(OWNED), asking("ben")
    judge_answer(world, asked, answer_of(world, asked, lambda world, _: {OWNED.record_id: OWNED}), found)
    (told,) = found.leaks
    assert all(part in told for part in (OWNED.record_id, "ben of red", "its owner is ann", "the product: []"))


def test_a_row_that_is_gone_is_a_leak_and_an_old_text_is_stale() -> None:
    found, world, asked = Findings(), world_of(OWNED), asking()
    answer = answer_of(world, asked)
    judge_answer(world_of(), asked, answer, found)
    assert ["there is no such row" in leak for leak in found.leaks] == [True]
    judge_answer(world_of(replace(OWNED, body="a new text")), asked, answer, found)
    assert len(found.stale) == 1


def test_more_rows_than_the_token_leaves_are_a_leak_and_fewer_are_withheld() -> None:
    docs = [replace(OWNED, id=number) for number in range(1, 6)]
    world, asked = world_of(*docs), holding(Narrowing(rows=3))

    def shown(count: int) -> Findings:
        found = Findings()
        hits = [hit_of(doc.record_id, doc) for doc in docs[:count]]
        judge_answer(world, asked, answer_of(world, asked).model_copy(update={"hits": hits}), found)
        return found

    assert [(len(shown(count).leaks), len(shown(count).withheld)) for count in (2, 3, 4)] == [(0, 1), (0, 0), (1, 0)]


def test_a_refusal_is_right_only_where_nothing_is_left_to_ask() -> None:
    found, world = Findings(), world_of(OWNED)
    judge_refusal(world, holding(Narrowing(operations=frozenset({"freshness"}))), Forbidden("no search"), found)
    assert found.withheld == []
    assert found.counts["rightly refused"] == 1
    judge_refusal(world, asking(), PermissionsUnknown(), found)
    judge_refusal(world, asking("ben"), PermissionsUnknown(), found)
    assert len(found.withheld) == 2


def test_the_result_tells_what_the_issue_asks_for(tmp_path: Path) -> None:
    found = compared(oracle.allowed, 40)
    taken = {kind: [float(ms) for ms in range(1, 101)] for kind in KINDS}
    result = Result(1, (40, 100), found, taken)
    assert result.ok
    result.write(tmp_path / "leaks.json")
    assert json.loads((tmp_path / "leaks.json").read_text()) == {
        "answers": 40,
        "leaks": 0,
        "wrongly_withheld": 0,
        "revocation_ms": {kind: {"n": 100, "p50": 50.0, "p99": 99.0} for kind in KINDS},
    }


@pytest.mark.parametrize(
    "worse",
    [
        lambda found: found.leaks.append("one"),
        lambda found: found.withheld.append("one"),
        lambda found: found.stale.append("one"),
        lambda found: found.problems.append("one"),
        lambda found: found.counts.update({"answers": -1}),
        lambda found: found.counts.update({"some hits": -40}),
    ],
)
def test_a_run_with_anything_wrong_or_too_little_done_is_not_right(worse: Callable[[Findings], None]) -> None:
    found = compared(oracle.allowed, 40)
    worse(found)
    result = Result(1, (40, 0), found, {kind: [] for kind in KINDS})
    assert not result.ok
    assert result.details()


def test_revocations_that_were_not_made_void_the_run() -> None:
    assert not Result(1, (40, 1), compared(oracle.allowed, 40), {kind: [] for kind in KINDS}).ok
