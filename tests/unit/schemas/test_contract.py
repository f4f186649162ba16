"""The contract's own rules; that every mistake of a file is reported at once is the loader's to test."""

from copy import deepcopy
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from stream_stage import CONTRACT

from schemas.change import record_id
from schemas.contract import Contract
from schemas.duration import Duration, seconds

WHOLE = CONTRACT.model_dump(mode="json")


def changed(table: str = "helpdesk.tickets", **columns: Any) -> dict[str, Any]:
    contract = deepcopy(WHOLE)
    contract["tables"][table].update(columns)
    return contract


def mistake(contract: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        Contract.model_validate(contract)
    return str(refused.value.errors()[0]["msg"])


def test_a_contract_is_the_same_after_the_journey_through_json() -> None:
    assert Contract.model_validate_json(CONTRACT.model_dump_json()) == CONTRACT


def test_topics_follow_from_source_and_tables() -> None:
    assert CONTRACT.raw_topics() == {
        "helpdesk.helpdesk.tickets": "helpdesk.tickets",
        "helpdesk.helpdesk.members": "helpdesk.members",
    }
    assert CONTRACT.beat_topic == "helpdesk.message"


def test_every_column_the_contract_names_is_one_the_table_must_have() -> None:
    tickets = CONTRACT.tables["helpdesk.tickets"]
    assert tickets.columns() == {
        "id",
        "updated_at",
        "subject",
        "body",
        "status",
        "card_number",
        "tenant_id",
        "owner",
        "team",
        "excluded",
        "region",
    }


@pytest.mark.parametrize("lone", ["text", "permissions"])
def test_text_without_permissions_and_permissions_without_text_are_refused(lone: str) -> None:
    assert "go together" in mistake(changed(**{lone: None}))


def test_a_table_that_is_neither_searchable_nor_granting_is_refused() -> None:
    assert "must be searchable" in mistake(changed("helpdesk.members", relation=[]))


@pytest.mark.parametrize(
    "using",
    [
        {"mask": ["id"]},
        {"mask": ["body"]},
        {"mask": ["subject"]},
        {"mask": ["status"]},
        {"mask": ["updated_at"]},
        {"mask": ["owner"]},
        {"mask": ["excluded"]},
        {"mask": ["region"]},
        {"url": "{card_number}"},
    ],
    ids=str,
)
def test_a_masked_column_may_be_used_nowhere(using: dict[str, Any]) -> None:
    assert "is masked" in mistake(changed(**using))


def test_unknown_fields_empty_keys_and_odd_names_are_refused() -> None:
    assert "Extra inputs" in mistake(changed(txet="x"))
    assert "at least 1" in mistake(changed(key=[]))
    assert "pattern" in mistake({**WHOLE, "source": "Help Desk"})
    assert "pattern" in mistake({**WHOLE, "source": "helpdesk\n"})
    assert "pattern" in mistake({**WHOLE, "tables": {"tickets": WHOLE["tables"]["helpdesk.tickets"]}})
    assert "must have tables, or outboxes, or both" in mistake({**WHOLE, "tables": {}})


def test_one_granting_rule_may_stand_without_a_list() -> None:
    rule = WHOLE["tables"]["helpdesk.members"]["relation"][0]
    assert Contract.model_validate(changed("helpdesk.members", relation=rule)) == CONTRACT


@pytest.mark.parametrize(
    ("text", "value"), [("250ms", 0.25), ("2s", 2.0), ("1.5m", 90.0), ("36h", 129600.0), (" 7d ", 604800.0), (3, 3.0)]
)
def test_durations_are_seconds(text: object, value: float) -> None:
    assert TypeAdapter(Duration).validate_python(text) == pytest.approx(value)


@pytest.mark.parametrize(
    "wrong", ["", "2", "2 s", "-2s", "2w", "1e3s", "0s", 0, -1, True, None, float("nan"), float("inf")]
)
def test_what_is_no_duration_is_refused_in_words(wrong: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds(wrong)


def test_a_record_id_names_the_key_in_the_contracts_order_and_holds_no_odd_character() -> None:
    key = {"b": "x,y/z%'\"\\#😀", "a": 1}
    named = record_id("wiki", "we\"ird.t'able", key, ["a", "b"])
    assert named == "wiki/we%22ird.t%27able/1,x%2Cy%2Fz%25%27%22%5C%23%F0%9F%98%80"
