"""Redaction: who lacks an attribute sees the row without the field, or not at all, as the contract declares."""

import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from index.store import Row
from query.asker import Asker, Mandate
from query.principal import Principal
from query.redact import Redactor
from schemas.contract import Contract
from schemas.label import LabelId
from schemas.position import Position

ROW = Row(
    record_id="hr/hr.people/1",
    source="hr",
    table="hr.people",
    key='{"id": 1}',
    position=Position("1"),
    label=LabelId(1),
    commit_ms=1,
    event_ms=1,
    chunk=0,
    chunks=1,
    title="Ann",
    text="Ann works here",
    url="https://hr.example/1",
    metadata='{"salary": 5000, "site": "north"}',
    text_hash="",
    vector=np.empty(0, dtype=np.float32),
)
NEEDS = {"needs": {"clearance": ["secret", "restricted"]}}
SECRET = {"level": "secret"}


def contract(redact: dict[str, Any], **table: Any) -> Contract:
    permissions = {"tenant": "{t}", "readers": ["user:{o}"], "attributes": {"level": "{level}"}, "redact": redact}
    people = {
        "key": ["id"],
        "title": "{name}",
        "text": "{about}",
        "url": "https://hr.example/{id}",
        "metadata": ["salary", "site"],
        "permissions": permissions,
        **table,
    }
    given = {"source": "hr", "connector": {"plugin": "postgres", "config": "x"}, "tables": {"hr.people": people}}
    return Contract.model_validate(given)


def asker(clearance: str = "", **mandate: Any) -> Asker:
    return Asker(Principal("ann", "acme"), Mandate(**mandate), {"clearance": clearance} if clearance else {})


def seen(redact: dict[str, Any], who: Asker, attributes: dict[str, str] = SECRET) -> Row | None:
    return Redactor([contract(redact)]).redacted(ROW, who, attributes)


def test_who_has_what_a_field_needs_sees_the_whole_row() -> None:
    assert seen({"salary": NEEDS}, asker("secret")) is ROW
    assert seen({"salary": NEEDS}, asker("restricted")) is ROW


@pytest.mark.parametrize("clearance", ["", "internal", "Secret", "secret "])
def test_who_has_not_sees_the_row_without_the_field(clearance: str) -> None:
    row = seen({"salary": NEEDS, "url": NEEDS}, asker(clearance))
    assert row is not None
    assert (json.loads(row.metadata), row.url, row.text) == ({"site": "north"}, "", ROW.text)
    assert "5000" not in repr(row)


def test_or_not_at_all_where_the_contract_says_omit() -> None:
    assert seen({"text": {**NEEDS, "instead": "omit"}}, asker()) is None
    assert seen({"salary": [NEEDS, {**NEEDS, "instead": "omit"}]}, asker()) is None
    assert seen({"text": {**NEEDS, "instead": "omit"}}, asker("secret")) is ROW


@pytest.mark.parametrize(
    ("attributes", "hidden"), [({"level": "open"}, False), (SECRET, True), ({}, True)], ids=["other", "named", "none"]
)
def test_only_records_that_are_meant_are_redacted_and_one_without_the_attribute_is_meant(
    attributes: dict[str, str], hidden: bool
) -> None:
    row = seen({"salary": {**NEEDS, "when": {"level": ["secret", "restricted"]}}}, asker(), attributes)
    assert row is not None
    assert ("salary" not in row.metadata) is hidden


def test_every_rule_of_a_field_counts_and_every_attribute_of_a_rule() -> None:
    both = {"needs": {"clearance": ["secret"], "site": ["north"]}}
    for rules in (both, [{"needs": {"clearance": ["secret"]}}, {"needs": {"site": ["north"]}}]):
        for attributes in ({"clearance": "secret"}, {"site": "north"}, {"clearance": "secret", "site": "south"}):
            row = seen({"salary": rules}, Asker(Principal("ann", "acme"), attributes=attributes))
            assert row is not None
            assert "5000" not in row.metadata
        assert seen({"salary": rules}, Asker(Principal("a", "b"), attributes={"clearance": "secret", "site": "north"}))


def test_a_token_with_a_ceiling_makes_less_of_its_holders_attribute_and_never_more() -> None:
    below = asker("secret", ceiling={"clearance": frozenset({"internal"})})
    row = seen({"salary": NEEDS}, below)
    assert row is not None
    assert "5000" not in row.metadata
    within = asker("secret", ceiling={"clearance": frozenset({"secret", "internal"})})
    assert seen({"salary": NEEDS}, within) is ROW
    nothing = asker("", ceiling={"clearance": frozenset({"secret"})})
    row = seen({"salary": NEEDS}, nothing)
    assert row is not None
    assert "5000" not in row.metadata


@pytest.mark.parametrize(
    ("redact", "table", "what"),
    [
        ({"text": NEEDS}, {}, "write instead: omit"),
        ({"title": NEEDS}, {}, "write instead: omit"),
        ({"wage": NEEDS}, {}, "no field that is shown"),
        ({"salary": NEEDS}, {"text": "{about} earns {salary}"}, "text would show it"),
        ({"salary": NEEDS}, {"url": "https://hr.example/{salary}"}, "url would show it"),
        ({"salary": NEEDS}, {"event_time": "salary"}, "event_time would show it"),
        ({"id": NEEDS}, {"metadata": ["id"]}, "url, key would show it"),
        ({"salary": {**NEEDS, "when": {"lvl": ["secret"]}}}, {}, "no attribute lvl"),
        ({"salary": {"needs": {}}}, {}, "at least 1"),
        ({"salary": {"needs": {"clearance": []}}}, {}, "at least 1"),
        ({"salary": []}, {}, "at least 1"),
    ],
    ids=str,
)
def test_a_rule_that_would_not_hold_is_refused(redact: dict[str, Any], table: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        contract(redact, **table)


def test_who_may_not_see_the_text_may_be_denied_the_row_also_where_others_show_the_column() -> None:
    contract({"salary": {**NEEDS, "instead": "omit"}}, text="{about} earns {salary}")
