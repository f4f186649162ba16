"""Whatever cannot be known refuses: each cause one by one, with its status and code, over the API, and on record.

Elsewhere: a view beyond its limit and an index that is away (test_api.py), a door that cannot know what is revoked
(test_mandate_at_the_api.py), sources too far behind one by one (test_authorize.py). A token that ends between the door
and its answer is not looked at again: the answer is out within the time limit of a request.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from source_reader_contract import ALICE as CONFIRMED
from source_reader_contract import SOURCE

from query.clock import Instant
from query.policies.gate import PolicyGate
from query.policies.vocabulary import Vocabulary
from query.principal import Principal
from query.search import Live
from schemas.errors import IndexUnavailable, Unavailable
from schemas.label import Label
from schemas.progress import Progress

ALICE = Principal("alice@acme.example", "acme")
ASKS = [
    ("/v1/search", {"query": "the printer is on fire"}),
    ("/v1/explain", {"record_id": "helpdesk/tickets/1"}),
]


def beat(attacked: Any, watermark_ms: int) -> None:
    for source in attacked.company.contracts:
        at = attacked.company.now.wall_ms + watermark_ms
        progress = Progress(source=source, watermark_ms=at, position=f"{at:016x}", measured_ms=at, grants={})
        attacked.company.view.advance(progress)


def both_known(attacked: Any) -> None:
    """What the broker has is in the view, and in the list of revoked tokens."""
    attacked.company.view.caught_up(attacked.company.now.steady)
    attacked.revocations.caught_up(attacked.company.now.steady)


def view_behind(attacked: Any) -> None:
    attacked.company.pass_time(16)
    attacked.revocations.caught_up(attacked.company.now.steady)
    beat(attacked, 0)


def view_not_loaded(attacked: Any) -> None:
    attacked.company.view.clear()
    beat(attacked, 0)


def revocations_not_loaded(attacked: Any) -> None:
    attacked.revocations.clear()


def revocations_behind(attacked: Any) -> None:
    attacked.company.pass_time(16)
    attacked.company.view.caught_up(attacked.company.now.steady)
    beat(attacked, 0)


def watermark_too_old(attacked: Any) -> None:
    attacked.company.pass_time(16)
    both_known(attacked)


def watermark_unknown(attacked: Any) -> None:
    attacked.company.view.clear()
    both_known(attacked)


def watermark_in_the_future(attacked: Any) -> None:
    """Of a clock that went wrong: the wall clock is set back, the steady one goes on."""
    now = attacked.company.now
    attacked.company.now = Instant(now.wall_ms - 16_000, now.steady + 0.1)
    both_known(attacked)


CAUSES: dict[str, tuple[Callable[[Any], None], str]] = {
    "labels and relations too old": (view_behind, "permissions_unknown"),
    "labels and relations not loaded": (view_not_loaded, "permissions_unknown"),
    "revocations not loaded": (revocations_not_loaded, "permissions_unknown"),
    "revocations too old": (revocations_behind, "permissions_unknown"),
    "watermark too old": (watermark_too_old, "permissions_unknown"),
    "watermark unknown": (watermark_unknown, "permissions_unknown"),
    "watermark in the future": (watermark_in_the_future, "permissions_unknown"),
}


async def refused(attacked: Any, client: Any, status: int, code: str) -> None:
    """Search and explain are refused so, nothing of a row is in it, and no question is answered on record."""
    for path, body in ASKS:
        reply = await client.post(path, json=body)
        assert (path, reply.status_code, reply.json()["code"]) == (path, status, code)
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.headers.get("retry-after") == ("1" if status == 503 else None)
        assert "printer" not in reply.text


def statuses_on_record(attacked: Any) -> list[str]:
    found = attacked.company.decisions.read(0, 100)
    return [json.loads(entry.payload.body)["status"] for entry in found if entry.payload]


@pytest.mark.parametrize("cause", CAUSES)
async def test_what_is_not_known_refuses(attacked: Any, cause: str) -> None:
    bring_about, code = CAUSES[cause]
    token = attacked.jwt(Principal("alice@acme.example", "acme"), lifetime_s=100_000)
    client = attacked.client(token)
    assert (await client.post(*ASKS[0][:1], json=ASKS[0][1])).json()["hits"]
    bring_about(attacked)
    if cause == "watermark in the future":
        client = attacked.client(attacked.jwt(ALICE))
    await refused(attacked, client, 503, code)
    at_the_door = cause.startswith("revocations")
    assert statuses_on_record(attacked) == ["answered"] + ([] if at_the_door else [code] * len(ASKS))


async def test_once_it_is_known_again_questions_are_answered(attacked: Any) -> None:
    client = attacked.client(attacked.jwt(ALICE))
    view_behind(attacked)
    await refused(attacked, client, 503, "permissions_unknown")
    both_known(attacked)
    assert (await client.post("/v1/search", json=ASKS[0][1])).json()["hits"]


async def test_policies_broken_at_run_time_refuse_every_operation_until_they_are_corrected(
    attacked: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    policy = folder / "base.cedar"
    policy.write_text("permit (principal, action, resource);")
    gate = attacked.company.policies = PolicyGate(folder, Vocabulary())
    client = attacked.client(attacked.jwt(ALICE))
    given = (await client.post("/v1/search", json=ASKS[0][1])).json()
    policy.write_text("permit (principal, action, resource) when { whatever };")
    gate.refresh()
    gate.refresh()
    await refused(attacked, client, 503, "policy_broken")
    for method, path in (("GET", "/v1/freshness"), ("GET", f"/v1/decisions/{given['id']}"), ("POST", "/v1/decisions")):
        body = {"answers": [given["id"]], "outcome": "completed"}
        reply = await client.request(method, path, json=body)
        assert (reply.status_code, reply.json()["code"]) == (503, "policy_broken")
    assert statuses_on_record(attacked) == ["answered"] + ["policy_broken"] * len(ASKS)
    policy.write_text("permit (principal, action, resource);")
    gate.refresh()
    gate.refresh()
    assert (await client.post("/v1/search", json=ASKS[0][1])).json()["hits"]


async def test_a_source_that_does_not_confirm_in_time_refuses_when_there_is_nothing_else(attacked: Any) -> None:
    guards = attacked.at_source()
    name = attacked.database.put(1, CONFIRMED, "the printer is on fire")
    attacked.company.put(name, "the printer is on fire", Label(tenant="acme", readers=(ALICE.name,)))
    attacked.database.reader.away = True
    client = attacked.client(attacked.jwt(ALICE), guards=guards)
    beside = (await client.post("/v1/search", json=ASKS[0][1])).json()
    assert [hit["record_id"] for hit in beside["hits"]] == ["helpdesk/tickets/1"]
    assert {status["source"]: status["state"] for status in beside["sources"]}[SOURCE] == "withheld"
    reply = await client.post("/v1/search", json={**ASKS[0][1], "sources": [SOURCE]})
    assert (reply.status_code, reply.json()["code"]) == (503, "source_unconfirmed")
    reply = await client.post("/v1/explain", json={"record_id": name})
    assert (reply.status_code, reply.json()["code"]) == (503, "source_unconfirmed")


@pytest.mark.parametrize("method", ["append", "rows_shown"])
async def test_what_cannot_be_put_on_record_is_refused(attacked: Any, method: str) -> None:
    def away(*_: object) -> None:
        raise Unavailable("the decision store", "disk full")

    client = attacked.client(attacked.capability(ALICE, rows=10))
    setattr(attacked.company.decisions, method, away)
    reply = await client.post("/v1/search", json=ASKS[0][1])
    assert (reply.status_code, reply.json()["code"]) == (503, "record_unavailable")
    assert "printer" not in reply.text


async def test_records_that_cannot_be_found_are_refused_not_absent(attacked: Any) -> None:
    client = attacked.client(attacked.jwt(ALICE))
    given = (await client.post("/v1/search", json=ASKS[0][1])).json()

    def away(*_: object, **__: object) -> None:
        raise OSError("disk gone")

    attacked.company.decisions.find = away
    for method, path in (("GET", f"/v1/decisions/{given['id']}"), ("POST", "/v1/decisions")):
        reply = await client.request(method, path, json={"answers": [given["id"]], "outcome": "completed"})
        assert (reply.status_code, reply.json()["code"]) == (503, "record_unavailable")


async def test_an_index_that_is_away_refuses(attacked: Any) -> None:
    def away() -> Live:
        raise IndexUnavailable()

    await refused(attacked, attacked.client(attacked.jwt(ALICE), live=away), 503, "index_unavailable")
    assert statuses_on_record(attacked) == ["index_unavailable"] * len(ASKS)


async def test_a_row_outside_the_filter_refuses_all_and_none_is_shown(attacked: Any) -> None:
    """An index that does not keep to what it is asked."""
    rows = attacked.company.store.records
    attacked.company.put("helpdesk/tickets/9", "the printer is on fire", Label(tenant="acme", readers=("user:bob",)))
    stray = rows["helpdesk/tickets/9"][0]
    search = attacked.company.store.search
    attacked.company.store.search = lambda vector, access, limit: [
        *search(vector, access, limit),
        *(type(found)(stray, 0.1) for found in search(vector, access, 1)),
    ]
    reply = await attacked.client(attacked.jwt(ALICE)).post("/v1/search", json=ASKS[0][1])
    assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
    assert "printer" not in reply.text


async def test_a_token_that_has_ended_is_refused_at_the_very_moment(attacked: Any) -> None:
    for token in (attacked.jwt(ALICE), attacked.capability(ALICE)):
        attacked.company.now = Instant(1_800_000_000_000, attacked.company.now.steady)
        assert (await attacked.client(token).post("/v1/search", json=ASKS[0][1])).status_code == 200
        attacked.company.now = Instant(1_800_003_600_000, attacked.company.now.steady)
        reply = await attacked.client(token).post("/v1/search", json=ASKS[0][1])
        assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
