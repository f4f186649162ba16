import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from decision_stage import asker, record, recorder

from query.decisions.recorder import Recorder
from query.decisions.sqlite import SqliteDecisions
from query.gateway.idempotency import InFlight, derived_id
from query.gateway.refusals import KeyInFlight, KeyReused
from schemas.decision import Decision
from schemas.errors import InvalidQuestion

Open = Callable[[], Recorder]


@pytest.fixture
def reopen(tmp_path: Path) -> Open:
    """The log, as after a restart."""
    return lambda: recorder(SqliteDecisions(tmp_path / "log" / "decisions.db"))


def decision(answer: str, **more: Any) -> Decision:
    return Decision(answers=(answer,), outcome="completed", **more)


def decisions(made: Recorder) -> int:
    return len([line for line in made.newest(asker(), None, 100)[0] if "decision" in json.loads(line)])


def test_the_same_decision_with_the_same_key_is_recorded_once_also_after_a_restart(reopen: Open) -> None:
    first = reopen()
    answer = record(first)
    ids = {each.record_decision(asker(), decision(answer), "key-1") for each in (first, first, reopen())}
    assert len(ids) == 1
    assert decisions(first) == 1


def test_another_decision_with_the_key_is_refused_and_not_recorded(reopen: Open) -> None:
    made = reopen()
    answer = record(made)
    made.record_decision(asker(), decision(answer), "key-1")
    with pytest.raises(KeyReused):
        made.record_decision(asker(), decision(answer, output="another"), "key-1")
    assert decisions(made) == 1


def test_without_a_key_or_with_another_each_is_recorded(reopen: Open) -> None:
    made = reopen()
    answer = record(made)
    ids = [made.record_decision(asker(), decision(answer), key) for key in (None, None, "key-1", "key-2")]
    assert len(set(ids)) == decisions(made) == 4


def test_a_refused_decision_does_not_use_its_key_up(reopen: Open) -> None:
    made = reopen()
    with pytest.raises(InvalidQuestion):
        made.record_decision(asker(), decision("0" * 32), "key-1")
    answer = record(made)
    assert made.record_decision(asker(), decision(answer), "key-1")


@pytest.mark.parametrize("other", [asker("bob"), asker(tenant="rival"), asker(chain=("hand-1",))])
def test_the_same_key_of_another_asker_or_token_chain_is_another_key(other) -> None:
    assert derived_id(b"s", "decision", asker(), "key-1") != derived_id(b"s", "decision", other, "key-1")


def test_an_id_cannot_be_made_without_the_secret_and_means_one_thing_only() -> None:
    ids = [derived_id(secret, what, asker(), "k") for secret in (b"1", b"2") for what in ("decision", "webhook")]
    assert len(set(ids)) == 4


def test_while_the_first_is_under_way_the_second_is_refused_and_afterwards_not() -> None:
    flights = InFlight()
    with flights.alone("1"), flights.alone("2"), pytest.raises(KeyInFlight), flights.alone("1"):
        pass
    with flights.alone("1"):
        pass


async def test_over_http_the_same_key_gives_the_same_reply_and_another_body_a_refusal(served) -> None:
    client = served.client()
    answer = (await client.post("/v1/search", json={"query": "x"})).json()["id"]
    body, key = {"answers": [answer], "outcome": "completed"}, {"Idempotency-Key": "key-1"}
    first, again = [await client.post("/v1/decisions", json=body, headers=key) for _ in range(2)]
    assert (first.status_code, first.content) == (again.status_code, again.content)
    other = await client.post("/v1/decisions", json=body | {"output": "more"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "k" * 201, "two words", "\u00fc".encode()])
async def test_a_key_that_is_none_is_refused_in_words(served, key: str) -> None:
    reply = await served.client().post(
        "/v1/decisions", json={"answers": ["0" * 32], "outcome": "failed"}, headers={"Idempotency-Key": key}
    )
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_question")
    assert "dempotency-" in reply.json()["detail"]
