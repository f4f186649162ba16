"""Whether a record exists: for who may not see it, a denied one is like one that was never there, whoever looks how.

Compared are status, headers, body (all but ids and durations) and the work done: calls of the index, of the decision
log and of the source's database, counted. Elsewhere: sources beyond a token (test_mandate_at_the_api.py), others'
decision records (test_routes.py, test_recorder.py), a database that is away (test_leave.py).
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from source_reader_contract import ALICE, BOB, SOURCE, contract_of

from query.decisions.memory import MemoryDecisions
from query.decisions.recorder import MOST_LOOKED_AT
from query.policies.gate import PolicyGate
from query.policies.vocabulary import Vocabulary
from query.principal import Principal
from schemas.answer import Question
from schemas.contract import Contract
from schemas.label import Label

QUERY = "the vault code of the treasury"
EVERYBODY = ("user:*",)
ASKER = Principal("alice@acme.example", "acme", "helper")
OTHERS = Label(tenant="acme", readers=("user:bob@acme.example",))
RIVAL = Label(tenant="rival", readers=EVERYBODY)
DENIED = Label(tenant="acme", readers=EVERYBODY, denied=("user:alice@acme.example",))
HERS = Label(tenant="acme", readers=("user:alice@acme.example",))
FORBID = "forbid (principal, action, resource is Record) when"
CLOSED = f'{FORBID} {{ resource.metadata has status && resource.metadata.status == "closed" }};'
SECRET = f'{FORBID} {{ resource.attributes has class && resource.attributes.class == "secret" }};'
HIDDEN = "helpdesk/tickets/7"


def secret(value: str = "secret") -> Label:
    return Label(tenant="acme", readers=EVERYBODY, attributes={"class": value})


def policies(folder: Path) -> PolicyGate:
    folder.mkdir()
    (folder / "base.cedar").write_text(f"permit (principal, action, resource);\n{CLOSED}\n{SECRET}")
    return PolicyGate(folder, Vocabulary(attributes=frozenset({"class"}), metadata=frozenset({"status"})))


WAYS: dict[str, dict[str, Any]] = {
    "of somebody else": {"label": OTHERS},
    "of another tenant": {"label": RIVAL},
    "denied by name": {"label": DENIED},
    "beyond the token's ceiling": {"label": secret("odd"), "narrowing": {"ceiling": {"class": frozenset({"plain"})}}},
    "beyond the token's sources": {"label": HERS, "narrowing": {"sources": frozenset({"wiki"})}},
    "beyond what is left of the token's budget": {"label": OTHERS, "narrowing": {"rows": 3}},
    "forbidden by a policy about labels": {"label": secret(), "policies": True},
    "forbidden by a policy about the record": {"label": HERS, "policies": True, "metadata": '{"status": "closed"}'},
    "of a label nobody defined": {"label": HERS, "undefined": True},
}


@pytest.mark.parametrize("beside", [0, 1, 5], ids=lambda n: f"{n} hits beside it")
@pytest.mark.parametrize("way", WAYS)
async def test_a_denied_record_costs_and_looks_as_if_it_were_not_there(
    attacked: Any, tmp_path: Path, way: str, beside: int
) -> None:
    company, told = attacked.company, WAYS[way]
    narrowing = told.get("narrowing", {})
    if told.get("policies"):
        company.policies = policies(tmp_path / "policies")
    company.store.records.clear()
    for number in range(beside):
        company.put(f"wiki/pages/{number}", f"of the treasury {number}", secret("plain"))
    asks: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/v1/search", {"json": {"query": QUERY, "limit": max(1, beside)}}),
        ("POST", "/v1/search", {"json": {"query": QUERY}}),
        ("POST", "/v1/explain", {"json": {"record_id": HIDDEN}}),
        ("GET", "/v1/freshness", {}),
    ]
    if "rows" in narrowing:
        asks = asks[1:]  # what is shown counts: ask once
    client = attacked.client(attacked.capability(ASKER, **narrowing))
    absent = [await attacked.work_of(client, method, path, **sent) for method, path, sent in asks]
    company.put(HIDDEN, QUERY, told["label"], metadata=told.get("metadata", '{"status": "open"}'))
    if told.get("undefined"):
        company.store.records[HIDDEN] = tuple(replace(row, label=12345) for row in company.store.records[HIDDEN])
    client = attacked.client(attacked.capability(ASKER, **narrowing))
    denied = [await attacked.work_of(client, method, path, **sent) for method, path, sent in asks]
    assert denied == absent
    assert [status for status, *_ in absent] == [200] * (len(asks) - 2) + [404, 200]


def omitting() -> Contract:
    """Whoever is not cleared does not get secret rows at all."""
    rule = {"needs": {"clearance": ["secret"]}, "when": {"level": ["secret"]}, "instead": "omit"}
    data = contract_of().model_dump(mode="json", exclude_defaults=True, exclude={"connector"})
    data["tables"][f"{SOURCE}.docs"]["permissions"] |= {"attributes": {"level": "{level}"}, "redact": {"text": rule}}
    return Contract.model_validate({**data, "connector": {"plugin": "postgres", "config": "x.json"}})


@pytest.mark.parametrize("limit", [1, 3, 10])
@pytest.mark.parametrize("way", ["denied at the source", "omitted by redaction"])
async def test_what_the_source_denies_or_redaction_omits_costs_and_looks_as_if_it_were_not_there(
    attacked: Any, way: str, limit: int
) -> None:
    company, contract = attacked.company, contract_of() if way == "denied at the source" else omitting()
    guards = attacked.at_source(contract)
    level = "secret" if way == "omitted by redaction" else "plain"

    def put(number: int, text: str, level: str, owner: Any = ALICE) -> None:
        name = attacked.database.put(number, owner, text)
        attacked.database.reader.rows[name]["level"] = level
        attributes = {} if contract == contract_of() else {"level": level}
        label = Label(tenant="acme", readers=(ALICE.principal.name,), attributes=attributes)
        company.put(name, text, label, table=f"{SOURCE}.docs", metadata="{}")

    for number in range(10):
        put(number, f"of the treasury {number}", "plain")
    asks = [
        ("POST", "/v1/search", {"json": {"query": QUERY, "limit": limit}}),
        ("POST", "/v1/explain", {"json": {"record_id": f"{SOURCE}/{SOURCE}.docs/77"}}),
    ]
    client = attacked.client(attacked.capability(ASKER), guards=guards)
    absent = [await attacked.work_of(client, method, path, **sent) for method, path, sent in asks]
    put(77, QUERY, level, owner=ALICE if level == "secret" else BOB)
    denied = [await attacked.work_of(client, method, path, **sent) for method, path, sent in asks]
    assert [status for status, *_ in absent] == [200, 404]
    assert [(status, headers, work) for status, headers, _, work in denied] == [
        (status, headers, work) for status, headers, _, work in absent
    ]
    assert json.dumps(denied).count("docs/77") == 0
    assert [len(body["hits"]) for _, _, body, _ in denied[:1]] == [min(limit, 10)]
    assert all(body["exact"] for _, _, body, _ in (denied[0], absent[0]))


async def test_an_asker_s_own_record_does_not_tell_how_much_was_withheld(attacked: Any, tmp_path: Path) -> None:
    company = attacked.company
    company.policies = policies(tmp_path / "policies")
    client = attacked.client(attacked.capability(ASKER))
    told = []
    for _ in range(2):
        given = (await client.post("/v1/search", json={"query": QUERY})).json()
        record = (await client.get(f"/v1/decisions/{given['id']}")).json()
        told.append({**record, "id": "", "timings": sorted(record["timings"])})
        company.put(HIDDEN, QUERY, HERS, metadata='{"status": "closed"}')
    assert told[0] == told[1]
    kept = [json.loads(entry.payload.body)["withheld"] for entry in company.decisions.read(0, 10) if entry.payload]
    assert [counts.get("policy", 0) for counts in kept] == [0, 1], "operators still find it in the log"


async def test_others_decision_records_cost_and_look_as_if_they_were_not_there(attacked: Any, bob: Principal) -> None:
    his = attacked.client(attacked.capability(bob))
    given = (await his.post("/v1/search", json={"query": QUERY})).json()["id"]
    client = attacked.client(attacked.capability(ASKER))
    replies = []
    for name in (given, "0" * 32):
        read = await attacked.work_of(client, "GET", f"/v1/decisions/{name}")
        status, headers, body, work = await attacked.work_of(
            client, "POST", "/v1/decisions", json={"answers": [name], "outcome": "completed"}
        )
        replies.append((read, (status, headers, json.loads(json.dumps(body).replace(name, "…")), work)))
    assert replies[0] == replies[1]
    assert (replies[0][0][0], replies[0][1][0]) == (404, 422)


async def test_pages_of_own_records_do_not_tell_how_much_other_tenants_ask(attacked: Any, mallory: Principal) -> None:
    theirs, mine = attacked.client(attacked.capability(mallory)), attacked.client(attacked.capability(ASKER))
    await mine.post("/v1/search", json={"query": QUERY})
    before = await attacked.work_of(mine, "GET", "/v1/decisions")
    (entry,) = attacked.company.decisions.entries
    await theirs.post("/v1/search", json={"query": QUERY})
    (_, of_theirs) = attacked.company.decisions.entries
    for number in range(3, MOST_LOOKED_AT + 4):
        attacked.company.decisions.entries.append(replace(of_theirs, sequence=number))
    assert await attacked.work_of(mine, "GET", "/v1/decisions") == before
    assert [record["id"] for record in before[2]["records"]] == [entry.opened().id]
    assert before[2]["next_cursor"] is None


async def test_the_same_name_in_another_tenant_reaches_nothing_by_any_id(attacked: Any, mallory: Principal) -> None:
    """Search, explain and decisions of a tenant, asked for by its namesake of another."""
    hers = attacked.client(attacked.capability(ASKER))
    given = (await hers.post("/v1/search", json={"query": "printer on fire"})).json()
    (hit,) = given["hits"]
    theirs = attacked.client(attacked.capability(mallory))
    found = (await theirs.post("/v1/search", json={"query": "printer on fire"})).json()
    assert found["hits"] == []
    assert (await theirs.post("/v1/explain", json={"record_id": hit["record_id"]})).status_code == 404
    assert (await theirs.get(f"/v1/decisions/{given['id']}")).status_code == 404
    posted = await theirs.post("/v1/decisions", json={"answers": [given["id"]], "outcome": "completed"})
    assert posted.status_code == 422


async def test_why_a_record_is_seen_does_not_let_who_else_is_in_its_label_be_guessed(attacked: Any) -> None:
    told = []
    client = attacked.client(attacked.capability(ASKER))
    for denied in ((), ("user:zoe",), ("user:bob@acme.example",)):
        label = Label(tenant="acme", readers=HERS.readers, denied=denied)
        attacked.company.put("helpdesk/tickets/1", "printer", label)
        told.append((await client.post("/v1/explain", json={"record_id": "helpdesk/tickets/1"})).json())
    assert told[0]["verdict"] == "visible"
    assert told[0] == told[1] == told[2]


def test_the_counted_log_is_the_one_that_answers(attacked: Any) -> None:
    """Else equal counts would prove nothing."""
    assert isinstance(attacked.company.decisions, MemoryDecisions)
    attacked.company.answer(ASKER, Question(query="x"))
    assert attacked.calls == {"index.search": 1, "decisions.append": 1}
