"""Templates: what a contract may write between braces, and what a row makes of it."""

import base64
import json

import pytest
from pydantic import BaseModel, ValidationError

from schemas.errors import Rejected
from schemas.template import PLACEHOLDER, Template


def test_columns_are_filled_in_and_doubled_braces_are_braces() -> None:
    template = Template("{{team}}:{team_id}#{{}} {team_id}/{name}")
    assert template.render({"team_id": 7, "name": "Zoë"}) == "{team}:7#{} 7/Zoë"
    assert template.columns == ["team_id", "team_id", "name"]


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (False, "false"), (0, "0"), (1.5, "1.5"), ("", ""), ("{x}", "{x}")]
)
def test_values_are_written_as_text_and_never_read_as_a_template(value: object, text: str) -> None:
    assert Template("<{x}>").render({"x": value}) == f"<{text}>"


def test_one_null_column_makes_the_whole_text_null() -> None:
    assert Template("{a} and {b}").render({"a": "there", "b": None}) is None


def test_an_absent_column_is_rejected_by_name() -> None:
    with pytest.raises(Rejected, match="'gone'") as rejected:
        Template("{gone}").render({"here": 1})
    assert rejected.value.reason == "missing_column"


@pytest.mark.parametrize(
    "unsent",
    [
        PLACEHOLDER,
        [PLACEHOLDER],
        {PLACEHOLDER: PLACEHOLDER},
        base64.b64encode(PLACEHOLDER.encode()).decode(),
        list(PLACEHOLDER.encode()),
    ],
    ids=["text", "array", "map", "bytes", "numbers"],
)
def test_a_value_the_database_did_not_send_is_rejected_in_every_type(unsent: object) -> None:
    with pytest.raises(Rejected) as rejected:
        Template("{body}").render({"body": unsent})
    assert rejected.value.reason == "placeholder_value"


def test_a_text_that_only_mentions_the_placeholder_is_data() -> None:
    text = f"Debezium writes {PLACEHOLDER}."
    assert Template("{body}").render({"body": text}) == text


@pytest.mark.parametrize("wrong", ["{a:>9}", "{a!r}", "{}", "{a.b}", "{a[0]}", "{a:{b}}", "{!r}", "{", "}", "{a"])
def test_anything_but_a_plain_column_name_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Template(wrong)


def test_in_a_model_a_template_is_text_there_and_back() -> None:
    class Model(BaseModel):
        text: Template

    assert json.loads(Model.model_validate({"text": "{a}b"}).model_dump_json()) == {"text": "{a}b"}
    assert Model.model_validate({"text": "x"}).text == Template("x")
    with pytest.raises(ValidationError):
        Model.model_validate({"text": "{a.b}"})
