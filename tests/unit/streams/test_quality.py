"""Quality: which rule a row breaks is told with its place; what a table switches off passes."""

from typing import Any

import pytest
from pydantic import ValidationError
from stream_stage import CONTRACT, ROW, envelope, raw

from connectors.rows.describe import describe
from connectors.rows.quality import check_quality
from schemas.contract import TableContract
from schemas.errors import Rejected
from schemas.quality import Quality
from streams.intake import tables_by_topic, take

TICKETS = CONTRACT.tables["helpdesk.tickets"]
PAGE = "<html><head><title>502 Bad Gateway</title></head><body></body></html>"


def broken(quality: dict[str, Any], **columns: Any) -> str | None:
    """What is told of a ticket under these rules; None where it breaks none."""
    contract = TICKETS.model_copy(update={"quality": Quality.model_validate(quality)})
    row = ROW | columns
    try:
        check_quality(row, contract, describe(row, contract, 1, 10_000))
    except Rejected as rejected:
        return str(rejected) if rejected.reason == "quality" else f"{rejected.reason}, not quality"
    return None


def test_a_normal_row_breaks_no_rule() -> None:
    assert broken({}) is None


def test_error_bodies_are_no_data_unless_the_table_says_so() -> None:
    assert broken({}, body=PAGE) == "html_error_page: 'body' is an error body, not data: '502 Bad Gateway'"
    assert broken({"builtin": ["stack_trace"]}, body=PAGE) is None
    assert broken({"builtin": []}, body=PAGE) is None


def test_a_status_line_is_data_as_a_subject_and_an_error_as_all_there_is() -> None:
    assert broken({}, subject="502 Bad Gateway") is None
    told = broken({}, body="502 Bad Gateway")
    assert told == "http_error_text: 'text' is an error body, not data: '502 Bad Gateway'"


@pytest.mark.parametrize(
    ("quality", "columns", "told"),
    [
        ({"required": ["body", "owner"]}, {"owner": " "}, "required: column 'owner' is empty"),
        ({"required": ["body"]}, {"body": None}, "required: column 'body' is empty"),
        ({"min_chars": 20}, {}, "min_chars: the text has 14 characters, at least 20 are wanted"),
        ({"max_chars": 5}, {}, "max_chars: the text has 14 characters, at most 5 are wanted"),
        (
            {"reject_if_matches": ["(?i)lorem", "(?i)^test"]},
            {"subject": "Testing"},
            "reject_if_matches '(?i)^test': column 'subject' holds 'Test'",
        ),
        (
            {"reject_if_matches": ["x+"]},
            {"body": "x" * 99},
            f"reject_if_matches 'x+': column 'body' holds '{'x' * 60}…'",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_the_broken_rule_and_the_place_are_told(quality: dict[str, Any], columns: dict[str, Any], told: str) -> None:
    assert broken(quality, **columns) == told


def test_a_broken_rule_keeps_the_last_good_content_and_what_the_row_grants() -> None:
    taken = take(raw(envelope(body=PAGE)), tables_by_topic([CONTRACT]), 10_000)
    assert taken.rejected is not None
    assert taken.rejected.reason == "quality"
    assert (taken.change is not None and taken.change.op, taken.grant is not None) == ("relabel", True)


@pytest.mark.parametrize(
    "quality", [{"builtin": ["magic"]}, {"reject_if_matches": ["("]}, {"min_chars": 9, "max_chars": 3}, {"rules": []}]
)
def test_rules_that_are_none_are_refused(quality: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Quality.model_validate(quality)


def test_required_columns_must_exist_and_a_table_without_text_has_no_rules() -> None:
    fields = TICKETS.model_dump(mode="json", exclude_none=True)
    assert "weight" in TableContract.model_validate({**fields, "quality": {"required": ["weight"]}}).columns()
    granting = CONTRACT.tables["helpdesk.members"].model_dump(mode="json", exclude_none=True)
    with pytest.raises(ValidationError, match="quality rules are about text"):
        TableContract.model_validate({**granting, "quality": {"min_chars": 3}})


def test_rules_survive_the_journey_through_json() -> None:
    quality = Quality.model_validate({"reject_if_matches": ["(?i)lorem"], "builtin": [], "max_chars": 9})
    assert Quality.model_validate_json(quality.model_dump_json()) == quality
