"""The leak test on the real query layer in memory: thousands of its answers need no server, only what feeds it does."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from leaks_api import Api

from infra.leaks import oracle
from infra.leaks.bearer import Askers
from infra.leaks.changes import Changes
from infra.leaks.judge import Findings, judge_answer, judge_refusal
from query.authorize import Grounds
from query.policies.gate import PolicyGate
from query.policies.vocabulary import Vocabulary
from query.view import PermissionView
from schemas.answer import Answer
from schemas.errors import Refused
from schemas.label import Label
from schemas.relation_model import RelationModel

ROUNDS, EACH = 6, 20


async def found_by(api: Api, seed: int, **spoil: Callable[[Grounds], Grounds]) -> Findings:
    """What the oracle finds in so many rounds of questions; less once something was."""
    changes, found = Changes(Random(seed)), Findings()
    askers = Askers(Random(seed), changes.world)
    for _ in range(ROUNDS):
        for _ in range(10):
            changes.next()
        client = api.client(changes.world, **spoil)
        for _ in range(EACH):
            asked = askers.next()
            answer = await api.ask(client, asked)
            if isinstance(answer, Answer):
                judge_answer(changes.world, asked, answer, found)
            else:
                judge_refusal(changes.world, asked, Refused(f"{answer.code}: {answer.detail}"), found)
        await client.aclose()
        if found.leaks or found.withheld:
            break
    return found


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path)


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_real_query_layer_shows_exactly_what_the_oracle_allows(api: Api, seed: int) -> None:
    found = await found_by(api, seed)
    assert (found.leaks, found.withheld, found.stale) == ([], [], [])
    assert found.counts["answers"] + found.counts["rightly refused"] == ROUNDS * EACH
    assert found.counts["some hits"] > ROUNDS * EACH / 3


async def test_policies_that_are_not_asked_are_noticed(api: Api) -> None:
    found = await found_by(api, 1, spoil=lambda grounds: replace(grounds, policies=PolicyGate(None, Vocabulary())))
    assert found.leaks


async def test_a_ceiling_that_is_not_kept_is_noticed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query.authorize.within_ceiling", lambda reached, *_: frozenset(reached))
    assert (await found_by(api, 1)).leaks


async def test_denied_entries_that_do_not_count_are_noticed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    learn = PermissionView._learn

    def lenient(self: PermissionView, label_id: Any, label: Label) -> None:
        learn(self, label_id, label.model_copy(update={"denied": ()}))

    monkeypatch.setattr(PermissionView, "_learn", lenient)
    assert (await found_by(api, 1)).leaks


async def test_relations_without_their_rewrites_are_noticed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query.grounds.load_relations", lambda *_: RelationModel())
    found = await found_by(api, 1)
    assert found.leaks or found.withheld


def test_an_oracle_that_allows_nothing_would_be_noticed() -> None:
    world = Changes(Random(1)).world
    askers = Askers(Random(1), world)
    assert sum(bool(oracle.allowed(world, askers.next())) for _ in range(100)) > 40
