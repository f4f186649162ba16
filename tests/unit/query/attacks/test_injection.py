"""No string that anybody sends becomes part of a filter, a statement or a path: it is a value, or it is refused.

Elsewhere: any record id and any text in a real Milvus (store_contract.py), any key and any asker in a real PostgreSQL
under row-level security (source_reader_contract.py), any text in the decision stores (decision_store_contract.py),
any text in policies (test_policy_attacks.py).
"""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.milvus import MilvusStore, expression
from index.milvus_client import before, one_of
from query.decisions.sqlite import SqliteDecisions
from query.principal import Principal
from query.search import Live
from schemas.access import AccessFilter
from schemas.label import Label, LabelId

ALICE = Principal("alice@acme.example", "acme")
NASTY = [
    '"] or label > 0 or record_id in ["',
    "' OR '1'='1",
    "'; DROP TABLE log; --",
    '\\"] or 1 == 1 //',
    "\\",
    '"',
    "\n] or true\r\t",
    "%' OR 1=1 %",
    "${env:HOME}",
    "{{7*7}}",
    "../../../etc/passwd",
    "helpdesk/tickets/1\0",
    "helpdesk/tickets/1#0",
    "helpdesk/tickets/%31",
    " helpdesk/tickets/1",
    "HELPDESK/tickets/1",
    "helpdesk/tickets/１",
    "\u202e\ufeff\u2028",
    "e\u0301" * 50,
    "𝔰" * 200,
    "a" * 2000,
    "[" * 2000,
]
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_LIST = re.compile(rf"\w+ in \[(?:{_STRING.pattern}(?:, {_STRING.pattern})*)?\]")
_ESCAPED = {r"\n": "\n", r"\r": "\r", r"\t": "\t"}


def read_back(literal: str) -> str:
    return re.sub(r"\\.", lambda found: _ESCAPED.get(found[0], found[0][1:]), literal, flags=re.DOTALL)


@given(st.lists(st.text() | st.sampled_from(NASTY), max_size=5))
def test_a_filter_is_a_list_of_literals_that_say_what_was_asked_and_nothing_else(names: list[str]) -> None:
    filter_ = one_of("record_id", names)
    assert _LIST.fullmatch(filter_)
    assert [read_back(literal) for literal in _STRING.findall(filter_)] == names
    assert not set("\n\r\t") & set(filter_)


@given(st.text() | st.sampled_from(NASTY))
def test_a_bound_is_one_literal(name: str) -> None:
    (literal,) = _STRING.findall(before("position", name))
    assert read_back(literal) == name
    assert before("position", name) == f'position < "{literal}"'


@given(st.frozensets(st.integers(0, 2**63 - 1), max_size=5), st.frozensets(st.sampled_from(NASTY), max_size=5))
def test_what_may_be_seen_is_integers_and_literals(labels: frozenset[int], sources: frozenset[str]) -> None:
    said = expression(AccessFilter(frozenset(map(LabelId, labels)), sources))
    integers, _, rest = said.partition(" and ")
    assert integers == f"label in [{', '.join(map(str, sorted(labels)))}]"
    assert {read_back(literal) for literal in _STRING.findall(rest)} == sources
    assert _LIST.fullmatch(rest)


def test_a_label_that_is_no_number_makes_no_filter() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        expression(AccessFilter(frozenset({"0] or label > 0 or label in [0"}), frozenset({"a"})))  # type: ignore[arg-type]


class Asked:
    """Stands for Milvus: keeps each filter, and holds one record."""

    def __init__(self, chunks: int) -> None:
        self.filters: list[str] = []
        self._chunks = chunks

    def query(self, collection: str, filter: str, **_: Any) -> list[dict[str, Any]]:
        self.filters.append(filter)
        return []


@pytest.mark.parametrize("name", NASTY, ids=lambda name: ascii(name)[:40])
async def test_a_record_id_stays_one_literal_in_what_milvus_is_asked_once(attacked: Any, name: str) -> None:
    milvus, store = Asked(1), MilvusStore("http://127.0.0.1:1", "", "any", generation=1)
    store._milvus.call = lambda do: do(milvus)  # type: ignore[method-assign,assignment,arg-type,return-value]
    client = attacked.client(attacked.jwt(ALICE), live=lambda: Live(attacked.company.embedder, store))
    reply = await client.post("/v1/explain", json={"record_id": name})
    assert (reply.status_code, reply.json()["code"]) == (404, "unknown_record")
    (filter_,) = milvus.filters
    assert _LIST.fullmatch(filter_)
    assert [read_back(literal) for literal in _STRING.findall(filter_)] == [f"{name}#0"]


@pytest.mark.parametrize("text", NASTY, ids=lambda text: ascii(text)[:40])
async def test_any_text_in_any_field_finds_no_more_than_the_asker_may_see(
    attacked: Any, tmp_path: Path, text: str
) -> None:
    """With the real SQLite store; every reply is an answer or a typed refusal, and all of it is on record."""
    company = attacked.company
    company.decisions = SqliteDecisions(tmp_path / "decisions.db")
    company.put("helpdesk/tickets/2", f"bob's {text[:200]}", Label(tenant="acme", readers=("user:bob@acme.example",)))
    client = attacked.client(attacked.jwt(ALICE))
    asks: list[tuple[str, dict[str, Any], set[int]]] = [
        ("/v1/search", {"query": text}, {200, 422}),
        ("/v1/search", {"query": "x", "purpose": text[:200]}, {200}),
        ("/v1/search", {"query": "x", "sources": [text]}, {422}),
        ("/v1/search", {"query": "x", "sources": ["helpdesk", text]}, {422}),
        ("/v1/explain", {"record_id": text}, {404}),
        ("/v1/explain", {"record_id": "helpdesk/tickets/1", "purpose": text[:200]}, {200}),
        ("/v1/decisions", {"answers": [text], "outcome": "completed"}, {422}),
    ]
    for path, body, statuses in asks:
        reply = await client.post(path, json=body)
        assert (path, reply.status_code) in {(path, status) for status in statuses}, reply.text
        assert "bob's" not in reply.text
        assert {hit["record_id"] for hit in reply.json().get("hits", [])} <= {"helpdesk/tickets/1"}
    assert (await client.get("/v1/decisions/" + text.encode().hex())).status_code in (404, 422)
    assert len(company.decisions.read(0, 100)) >= 4
    company.decisions.close()


NAMES = [text for text in NASTY if 0 < len(text) <= 200 and not set("#*") & set(text)]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:40])
async def test_a_tenant_or_a_subject_of_any_letters_is_nobody_but_itself(
    attacked: Any, tmp_path: Path, name: str
) -> None:
    company = attacked.company
    company.decisions = SqliteDecisions(tmp_path / "decisions.db")
    for who in (Principal(name, "acme"), Principal(ALICE.subject, name), Principal(f"{ALICE.subject}{name}", "acme")):
        client = attacked.client(attacked.jwt(who))
        given = await client.post("/v1/search", json={"query": "the printer is on fire"})
        assert (given.status_code, given.json()["hits"]) == (200, [])
        assert (await client.post("/v1/explain", json={"record_id": "helpdesk/tickets/1"})).status_code == 404
        record = (await client.get(f"/v1/decisions/{given.json()['id']}")).json()
        assert (record["who"]["subject"], record["who"]["tenant"]) == (who.subject, who.tenant)
    own = Principal(name, "acme")
    company.put("helpdesk/tickets/9", "the printer is on fire", Label(tenant="acme", readers=(own.name,)))
    given = await attacked.client(attacked.jwt(own)).post("/v1/search", json={"query": "the printer is on fire"})
    assert [hit["record_id"] for hit in given.json()["hits"]] == ["helpdesk/tickets/9"]
    company.decisions.close()
