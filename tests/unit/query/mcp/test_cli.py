from pathlib import Path

import pytest

from query.mcp.cli import token_reader
from schemas.errors import Misconfigured
from schemas.settings import unknown_variables


def test_a_token_file_is_read_anew_for_each_call(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    read = token_reader(file, "of the environment")
    first = read()
    file.write_text("second\n")
    assert (first, read()) == ("first", "second")


def test_without_a_file_the_token_of_the_environment_counts() -> None:
    assert token_reader(None, " secret ")() == "secret"


@pytest.mark.parametrize("given", ["", "  "])
def test_without_any_token_it_says_what_to_do(given: str) -> None:
    with pytest.raises(Misconfigured, match="freshline tokens mint"):
        token_reader(None, given)


def test_a_file_that_is_not_there_is_noticed_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        token_reader(tmp_path / "none", "")


def test_the_variable_of_the_token_is_known() -> None:
    assert unknown_variables({"FRESHLINE_TOKEN": "secret"}) == []
