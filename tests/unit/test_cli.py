"""The command line: what it prints is what was said, and plain mistakes are told in a line."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

import freshline

NAMED = "a [bold]very[/] long reason with [a, b] in it and a list of columns that goes on for more than 80 columns"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRESHLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FRESHLINE_SOURCES", str(tmp_path / "sources"))
    (tmp_path / "sources").mkdir()
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["freshline", *arguments])
    with pytest.raises(SystemExit) as ended:
        freshline.main()
    return int(ended.value.code or 0)


def write_source(folder: Path, key: str) -> None:
    text = f"""\
source: shop
connector: {{plugin: postgres, config: shop.json}}
tables:
  public.orders:
    {key}
    relation: {{tenant: "{{tenant}}", object: "team:{{team}}", relation: member, subject: "user:{{email}}"}}
"""
    (folder / "sources" / "shop.yaml").write_text(text)
    beat = "SELECT pg_logical_emit_message(true, 'freshline.shop', '')"
    options = {"heartbeat.interval.ms": "500", "heartbeat.action.query": beat}
    (folder / "sources" / "shop.json").write_text(json.dumps(options))


def test_mistakes_are_printed_as_they_are_a_line_each(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_source(home, "key: team")
    assert run(monkeypatch, "sources", "validate", "--offline") == 2
    file = home / "sources" / "shop.yaml"
    told = f"{file}:5: tables.public.orders.key: Input should be a valid list; write a list, as [a, b]"
    assert capsys.readouterr().err.splitlines() == [f"contract_invalid: {told}"]


def test_right_contracts_are_said_to_be_right(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_source(home, "key: [team]")
    assert run(monkeypatch, "sources", "validate", "--offline") == 0
    assert capsys.readouterr().out == "1 contracts are right.\n"


def test_progress_lines_are_neither_markup_nor_broken(capsys: pytest.CaptureFixture[str]) -> None:
    freshline._say(NAMED)
    assert capsys.readouterr().out == f"   {NAMED}\n"


@pytest.mark.parametrize(("limit", "words"), [("0", "greater than or equal to 1"), ("99", "less than or equal to 50")])
def test_a_limit_the_api_would_refuse_is_refused_with_its_range(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], limit: str, words: str
) -> None:
    assert run(monkeypatch, "ask", "Why?", "--as", "alice", "--limit", limit) == 2
    assert words in capsys.readouterr().err


def test_a_question_that_is_none_is_told_in_a_line(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "ask", "", "--as", "alice") == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("invalid_question: the question is not usable: query: ")


def test_an_error_of_the_database_is_a_line_and_not_a_traceback(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away() -> None:
        raise psycopg.OperationalError("connection failed: [nobody] listens\nIs the server running?")

    monkeypatch.setattr(freshline, "app", away)
    assert run(monkeypatch) == 1
    assert capsys.readouterr().err == "unavailable: PostgreSQL: connection failed: [nobody] listens\n"


def test_a_variable_that_means_nothing_is_warned_of_on_stderr(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRESHLINE_KAFKAA", "a-secret")
    assert run(monkeypatch, "url") == 0
    printed = capsys.readouterr()
    assert printed.out == "http://127.0.0.1:8600\n"
    assert printed.err == (
        "FRESHLINE_KAFKAA is no setting of Freshline and changes nothing; did you mean FRESHLINE_KAFKA?\n"
    )


def test_the_status_of_no_stack_is_that_there_is_none(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "status") == 2
    assert f"there is no local stack in {home / 'home'}; start one: make up" in capsys.readouterr().err
    assert not (home / "home").exists()


def test_removing_a_source_asks_first_and_says_what_is_left(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import connectors.remove as removing

    capture = removing.Capture("shop", True, "freshline_shop", "freshline_shop")
    removed: list[Any] = []
    monkeypatch.setattr(removing, "find_capture", lambda *_: capture)
    monkeypatch.setattr(removing, "remove", lambda *given: removed.append(given[0]) or [])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(readline=lambda *_: "", isatty=lambda: False))
    assert run(monkeypatch, "sources", "remove", "shop") == 1
    assert removed == []
    assert run(monkeypatch, "sources", "remove", "shop", "--yes") == 0
    assert removed == [capture]
    assert "no longer searched" in capsys.readouterr().out
    write_source(home, "key: [team]")
    assert run(monkeypatch, "sources", "remove", "shop", "--yes") == 0
    assert "Its contract is still there" in capsys.readouterr().out
