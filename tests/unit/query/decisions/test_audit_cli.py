"""`freshline audit` on a log in a home: what is printed, and the exit codes."""

import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from decision_stage import SECRET, all_of, asker, now_ms, record

import freshline
from query.decisions.heads import NOTE, Sealer
from query.decisions.keys import PUBLIC, audit_folder, load_or_make_key, load_public
from query.decisions.recorder import Recorder
from query.decisions.service import FILE
from query.decisions.sqlite import SqliteDecisions

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRESHLINE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> SqliteDecisions:
    """Four answers, the last of them under no head."""
    store, folder = SqliteDecisions(home / FILE), audit_folder(home)
    key = load_or_make_key(folder)
    made = Recorder(store, key)
    for name in ("alice", "bob", "alice"):
        record(made, asker(name))
    Sealer(store, key, load_public(folder / PUBLIC), folder / NOTE, now_ms).seal()
    record(made)
    return store


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["freshline", "audit", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            freshline.main()
        told = capsys.readouterr()
        return int(ended.value.code or 0), told.out + told.err

    return run


def first_id(store: SqliteDecisions) -> str:
    return all_of(store)[0].opened().id


def test_a_log_as_it_was_written_is_said_to_be(store: SqliteDecisions, run: Run) -> None:
    code, told = run("verify", "--no-kafka")
    assert code == 0
    assert "as it was written: 4 records (0 erased), 1 signed heads" in told
    assert "compared with: head.json" in told


def test_an_altered_record_is_named_and_the_exit_code_is_1(store: SqliteDecisions, home: Path, run: Run) -> None:
    tamper(home, "UPDATE payloads SET body = '{}' WHERE sequence = 2")
    code, told = run("verify", "--no-kafka")
    assert code == 1
    assert "entry 2: altered: its payload is not what was recorded" in told


def test_a_cut_tail_is_found_by_the_head_beside_the_keys(store: SqliteDecisions, home: Path, run: Run) -> None:
    tamper(home, "DELETE FROM log WHERE sequence > 2", "DELETE FROM payloads WHERE sequence > 2")
    code, told = run("verify", "--no-kafka")
    assert code == 1
    assert "entry 3: truncated: head.json has a head of 3 entries" in told


def test_an_export_kept_elsewhere_shows_a_log_that_was_cut_or_written_anew(
    store: SqliteDecisions, home: Path, tmp_path: Path, run: Run
) -> None:
    for name, options in (("log.jsonl", []), ("full.jsonl", ["--payloads"]), ("heads.jsonl", ["--heads"])):
        code, told = run("export", *options)
        assert code == 0
        assert (SECRET in told) == ("--payloads" in options)
        (tmp_path / name).write_text(told)
        against = run("verify", "--no-kafka", "--against", tmp_path / name)
        assert against[0] == 0, against
    for name in ("log.jsonl", "full.jsonl"):
        key = audit_folder(home) / PUBLIC
        assert run("verify", "--file", tmp_path / name, "--key", key)[0] == 0
    tamper(home, "DELETE FROM log WHERE sequence > 2", "DELETE FROM payloads WHERE sequence > 2")
    (audit_folder(home) / NOTE).unlink()
    for name in ("log.jsonl", "heads.jsonl"):
        code, told = run("verify", "--no-kafka", "--against", tmp_path / name)
        assert (code, "entry 3: truncated" in told) == (1, True)


def test_a_proof_is_checked_by_the_public_key_alone(
    store: SqliteDecisions, home: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, told = run("prove", first_id(store), "--payloads")
    assert code == 0
    assert SECRET in told
    proof, key = tmp_path / "proof.json", tmp_path / "audit.pub.pem"
    proof.write_text(told)
    key.write_bytes((audit_folder(home) / PUBLIC).read_bytes())
    monkeypatch.setenv("FRESHLINE_HOME", str(tmp_path / "somewhere else"))
    code, told = run("check", proof, "--key", key)
    assert code == 0
    assert "The proof holds: inclusion, under the head of 3 entries" in told
    proof.write_text(proof.read_text().replace(SECRET, "a harmless question"))
    code, told = run("check", proof, "--key", key)
    assert (code, "proof_fails: the payload is not the one that was recorded" in told) == (1, True)
    proof.write_text("{}")
    assert run("check", proof, "--key", key)[0] == 1


def test_growth_since_a_head_kept_elsewhere_is_proven(
    store: SqliteDecisions, home: Path, tmp_path: Path, run: Run
) -> None:
    older = tmp_path / "older.json"
    older.write_bytes((audit_folder(home) / NOTE).read_bytes())
    key = load_or_make_key(audit_folder(home))
    Sealer(store, key, [key.public_key()], audit_folder(home) / NOTE, now_ms).seal()
    code, told = run("prove", "--since", older)
    (tmp_path / "growth.json").write_text(told)
    assert (code, json.loads(told)["kind"]) == (0, "consistency")
    assert run("check", tmp_path / "growth.json", "--key", audit_folder(home) / PUBLIC)[0] == 0
    assert run("prove")[0] == run("prove", "x", "--since", older)[0] == 2


def test_records_are_listed_without_what_they_say_and_shown_with_it(store: SqliteDecisions, run: Run) -> None:
    code, told = run("list", "--kind", "answer")
    assert code == 0
    assert told.count("answered") == 4
    assert SECRET not in told
    code, told = run("show", first_id(store))
    assert json.loads(told)["question"]["query"] == SECRET
    assert run("show", "unknown")[0] == 1
    assert run("list", "--kind", "gossip")[0] == 2


def test_what_a_subject_asked_is_erased_and_the_log_still_verifies(
    store: SqliteDecisions, home: Path, run: Run
) -> None:
    proven = run("prove", first_id(store))
    assert run("erase", "--yes")[0] == 2
    assert run("erase", "--older-than", "soon", "--yes")[0] == 2
    assert run("erase", "--older-than", "90d", "--yes")[1].startswith("0 records")
    code, told = run("erase", "--subject", "alice@acme.example", "--yes")
    assert (code, told) == (0, "3 records were erased; they stay in the log as erased.\n")
    assert "4 records (3 erased)" in run("verify", "--no-kafka")[1]
    assert json.loads(run("show", first_id(store))[1])["payload_hash"]
    assert run("prove", first_id(store)) == proven
    assert (run("list")[1].count("kept"), run("list")[1].count("erased")) == (1, 3)


def test_where_there_is_no_log_none_is_made(home: Path, run: Run) -> None:
    code, told = run("list")
    assert (code, "there is no decision log in" in told) == (2, True)
    assert not (home / FILE).exists()


def test_an_export_that_is_none_is_refused_with_its_line(store: SqliteDecisions, tmp_path: Path, run: Run) -> None:
    (tmp_path / "odd.jsonl").write_text(json.dumps({"envelope": "{}", "seal": ""}) + "\n")
    code, told = run("verify", "--no-kafka", "--against", tmp_path / "odd.jsonl")
    assert (code, "odd.jsonl:1 is no entry of a decision log" in told) == (1, True)


def tamper(home: Path, *statements: str) -> None:
    connection = sqlite3.connect(home / FILE, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()
