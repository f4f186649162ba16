"""Scores of words are made of what certainly leaves: no score, and no order, tells of a word in a row that is denied.

The attacker may write a row of its own that holds any word, so that each word of a question counts in a score it sees.
"""

from pathlib import Path
from typing import Any

import pytest
from source_reader_contract import ALICE, BOB, SOURCE, contract_of

from query.policies.gate import PolicyGate
from query.policies.vocabulary import Vocabulary
from query.principal import Principal
from schemas.contract import Contract
from schemas.label import Label

ASKER = Principal("alice@acme.example", "acme", "helper")
HERS = Label(tenant="acme", readers=("user:alice@acme.example",))
GUESS = "takeover"
CLOSED = (
    "permit (principal, action, resource);\n"
    "forbid (principal, action, resource is Record) when { resource.metadata has status && "
    'resource.metadata.status == "closed" };'
)


async def scores(client: Any, relevance: str) -> list[tuple[str, float, float]]:
    reply = await client.post("/v1/search", json={"query": f"notes {GUESS}", "relevance": relevance})
    assert reply.status_code == 200
    return [(hit["record_id"], hit["keyword"], hit["score"]) for hit in reply.json()["hits"]]


@pytest.mark.parametrize("relevance", ["keyword", "hybrid"])
async def test_a_word_of_rows_that_a_policy_denies_weighs_as_if_they_were_not_there(
    attacked: Any, tmp_path: Path, relevance: str
) -> None:
    company = attacked.company
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "base.cedar").write_text(CLOSED)
    company.policies = PolicyGate(folder, Vocabulary(metadata=frozenset({"status"})))
    company.put("helpdesk/tickets/2", f"notes of mine: {GUESS}", HERS)
    client = attacked.client(attacked.capability(ASKER))
    absent = await scores(client, relevance)
    company.put("helpdesk/tickets/7", f"{GUESS} bid", HERS, metadata='{"status": "closed"}')
    assert await scores(client, relevance) == absent
    assert "helpdesk/tickets/2" in [name for name, *_ in absent]


def omitting() -> Contract:
    rule = {"needs": {"clearance": ["secret"]}, "when": {"level": ["secret"]}, "instead": "omit"}
    data = contract_of().model_dump(mode="json", exclude_defaults=True, exclude={"connector", "enforce"})
    data["tables"][f"{SOURCE}.docs"]["permissions"] |= {"attributes": {"level": "{level}"}, "redact": {"text": rule}}
    return Contract.model_validate({**data, "connector": {"plugin": "postgres", "config": "x.json"}})


@pytest.mark.parametrize("relevance", ["keyword", "hybrid"])
@pytest.mark.parametrize("way", ["denied at the source", "omitted by redaction"])
async def test_a_word_of_rows_kept_back_at_the_end_weighs_as_if_they_were_not_there(
    attacked: Any, way: str, relevance: str
) -> None:
    company, contract = attacked.company, contract_of() if way == "denied at the source" else omitting()
    guards = attacked.at_source(contract)

    def put(number: int, text: str, level: str, owner: Any) -> None:
        name = attacked.database.put(number, owner, text)
        attacked.database.reader.rows[name]["level"] = level
        attributes = {} if way == "denied at the source" else {"level": level}
        label = Label(tenant="acme", readers=(ALICE.principal.name,), attributes=attributes)
        company.put(name, text, label, table=f"{SOURCE}.docs", metadata="{}")

    put(1, f"notes of mine: {GUESS}", "plain", ALICE)
    client = attacked.client(attacked.capability(ASKER), guards=guards)
    absent = await scores(client, relevance)
    put(77, f"{GUESS} bid", "secret", BOB)
    assert await scores(client, relevance) == absent
    assert len(absent) >= 1
