"""The stores that need no server, under their contract; and what only SQLite promises."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from decision_stage import KEYS, SECRET, all_of, draft, making, record, recorder
from decision_store_contract import DecisionStoreContract

from query.decisions.entry import Entry
from query.decisions.memory import MemoryDecisions
from query.decisions.sqlite import SqliteDecisions
from query.decisions.store import DecisionStore, last_sequence
from query.decisions.verify import verify
from schemas.errors import Misconfigured, RecordUnavailable, Unavailable

ROOT = Path(__file__).parents[4]
APPENDING = """
import sys
from pathlib import Path
from decision_stage import record, recorder
from query.decisions.sqlite import SqliteDecisions
made = recorder(SqliteDecisions(Path(sys.argv[1])))
for _ in range(int(sys.argv[2])):
    print(record(made), flush=True)
"""


class TestMemory(DecisionStoreContract):
    @pytest.fixture
    def store(self) -> MemoryDecisions:
        return MemoryDecisions()

    @pytest.fixture
    def reopen(self, store: MemoryDecisions) -> Callable[[], DecisionStore]:
        return lambda: store


class TestSqlite(DecisionStoreContract):
    @pytest.fixture
    def store(self, file: Path) -> SqliteDecisions:
        return SqliteDecisions(file)

    @pytest.fixture
    def reopen(self, file: Path) -> Callable[[], DecisionStore]:
        return lambda: SqliteDecisions(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "decisions" / "decisions.db"


def appending(file: Path, count: int) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "contracts")])
    command = [sys.executable, "-c", APPENDING, str(file), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path})


def test_processes_that_append_at_once_leave_no_gap(file: Path) -> None:
    SqliteDecisions(file)
    running = [appending(file, 25) for _ in range(2)]
    told = [process.communicate(timeout=60)[0].split() for process in running]
    found = all_of(SqliteDecisions(file))
    assert [entry.sequence for entry in found] == list(range(1, 51))
    assert {entry.opened().id for entry in found} == {*told[0], *told[1]}


def test_a_process_that_is_killed_leaves_a_whole_log_with_all_it_had_told(file: Path) -> None:
    process = appending(file, 100_000)
    assert process.stdout is not None
    told = [process.stdout.readline().strip() for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    told += process.communicate(timeout=60)[0].split("\n")[:-1]
    store = SqliteDecisions(file)
    found = all_of(store)
    assert set(told) <= {entry.opened().id for entry in found}
    store.append(making(draft(1)))
    assert [entry.sequence for entry in all_of(store)] == list(range(1, len(found) + 2))
    assert [finding.what for finding in verify(found, []).findings][:1] == ["altered"], "sealed by the child's own key"
    assert {f.what for f in verify(all_of(store), KEYS).findings} == {"altered"}


def test_what_is_erased_is_in_no_file_any_more(file: Path) -> None:
    store = SqliteDecisions(file)
    record(recorder(store))
    assert any(SECRET.encode() in path.read_bytes() for path in file.parent.iterdir())
    store.append(making(draft(1)), erased=[(1, 1)])
    assert [path.name for path in file.parent.iterdir() if SECRET.encode() in path.read_bytes()] == []


def test_the_file_is_for_its_owner_only(file: Path) -> None:
    record(recorder(SqliteDecisions(file)))
    assert {oct(path.stat().st_mode & 0o077) for path in (file, file.with_name("decisions.db-wal"))} == {"0o0"}


def test_while_another_process_keeps_the_file_to_itself_nothing_is_recorded(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.decisions.sqlite.WAIT_S", 0.01)
    store = SqliteDecisions(file)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="the decision store"):
        store.append(making(draft(1)))
    with pytest.raises(RecordUnavailable):
        record(recorder(store))
    other.execute("ROLLBACK")
    other.close()
    record(recorder(store))
    assert last_sequence(store) == 1


def test_while_an_entry_gets_its_place_nobody_else_gets_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query.decisions.sqlite.WAIT_S", 0.01)
    store, other = SqliteDecisions(file), SqliteDecisions(file)

    def make(first: int) -> list[Entry]:
        with pytest.raises(Unavailable):
            other.append(making(draft(2)))
        return making(draft(1))(first)

    store.append(make)
    assert [entry.opened().id for entry in all_of(store)] == [f"{1:032x}"]


def test_a_file_that_is_no_log_is_refused_and_left_alone(file: Path) -> None:
    file.parent.mkdir()
    file.write_text("my diary, which is long enough to be mistaken for a header of a database. " * 20)
    with pytest.raises(Misconfigured, match="not a decision log"):
        SqliteDecisions(file)
    assert file.read_text().startswith("my diary")


def test_bytes_that_are_no_text_are_found_altered_rather_than_stumbled_over(file: Path) -> None:
    store = SqliteDecisions(file)
    store.append(making(draft(1), draft(2)))
    tamper(file, "UPDATE payloads SET body = x'ff00', salt = 'text' WHERE sequence = 2")
    report = verify(all_of(store), KEYS)
    assert [(finding.sequence, finding.what) for finding in report.findings] == [(2, "altered")]


def tamper(file: Path, statement: str) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute(statement)
    connection.close()
