"""Processes are recognised by more than their pid, and end when told to."""

import os
import signal
import subprocess
from pathlib import Path

import psutil

from infra.local.processes import Launch, Record, exclusive, replace_text, spawn, tail, terminate


def own_record(**changes: object) -> Record:
    me = psutil.Process()
    known = {"pid": me.pid, "started": me.create_time(), "command": me.cmdline(), "fingerprint": ""}
    return Record(**{**known, **changes})  # type: ignore[arg-type]


def sleeper(log: Path) -> Record:
    return spawn(Launch(["sleep", "60"], dict(os.environ), log.parent), log)


def test_a_process_with_the_same_pid_start_and_command_is_ours() -> None:
    assert own_record().process() == psutil.Process()


def test_a_reused_pid_is_not_ours_when_it_started_at_another_time() -> None:
    assert own_record(started=psutil.Process().create_time() - 60).process() is None


def test_a_reused_pid_is_not_ours_when_it_runs_another_command() -> None:
    assert own_record(command=["postgres", "-D", "elsewhere"]).process() is None


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    record = own_record(fingerprint="abc")
    record.write(tmp_path / "part.json")
    assert Record.read(tmp_path / "part.json") == record


def test_a_missing_or_damaged_pid_file_means_no_process(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.json"
    for content in ("", "{", "[]", '{"pid": 1}'):
        damaged.write_text(content)
        assert Record.read(damaged) is None
    assert Record.read(tmp_path / "missing.json") is None


def test_a_spawned_process_is_found_again_and_ends_politely(tmp_path: Path) -> None:
    record = sleeper(tmp_path / "log")
    process = record.process()
    assert process is not None
    assert os.getsid(process.pid) != os.getsid(0)
    assert terminate(process, signal.SIGTERM, 5.0)
    assert record.process() is None


def test_a_process_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    record = sleeper(tmp_path / "log")
    process = record.process()
    assert process is not None
    assert not terminate(process, signal.SIGCONT, 0.1)
    assert record.process() is None


def test_a_full_log_is_set_aside_before_the_next_start(tmp_path: Path) -> None:
    log = tmp_path / "part.log"
    with log.open("wb") as file:
        file.truncate(20_000_001)
    process = sleeper(log).process()
    assert process is not None
    terminate(process, signal.SIGKILL, 5.0)
    assert log.stat().st_size == 0
    assert (tmp_path / "part.log.1").stat().st_size == 20_000_001


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("\n".join(map(str, range(100))))
    assert tail(log, lines=3) == "97\n98\n99"
    assert tail(tmp_path / "none") == "(no log)"


def test_a_replaced_file_has_the_asked_mode_and_leaves_no_draft(tmp_path: Path) -> None:
    replace_text(tmp_path / "secret", "x", mode=0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_held_lock_keeps_others_out(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with exclusive(lock):
        assert subprocess.run(["flock", "--nonblock", str(lock), "true"]).returncode == 1
    assert subprocess.run(["flock", "--nonblock", str(lock), "true"]).returncode == 0
