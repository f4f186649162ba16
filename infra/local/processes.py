"""Detached processes that are found again by a pid file, and never mistaken for another process.

A pid alone proves nothing: after a crash or a reboot the system gives it to somebody else. A record also
holds the start time and the arguments; only a process that has all three is ours and may be signalled.
"""

import atexit
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

import psutil

from schemas.errors import Unavailable

LOG_LIMIT_BYTES = 20_000_000
LOCK_LIMIT_SECONDS = 1200.0
_START_TOLERANCE_SECONDS = 2.0
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Account:
    """An operating-system user a process runs as; see pwd(5)."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Launch:
    """How to start a process. `command` has at least one argument.

    `fingerprint` names the configuration: when it changes, a restart is due.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    fingerprint: str = ""
    account: Account | None = None


@dataclass(frozen=True)
class Record:
    """What a pid file holds. `started` is seconds since the epoch."""

    pid: int
    started: float
    command: list[str]
    fingerprint: str

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The record, or None where there is none or it is not readable as one."""
        try:
            return cls(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Replace the pid file at once: a reader sees the old record or the new one."""
        replace_text(path, json.dumps(asdict(self)))

    def process(self) -> psutil.Process | None:
        """The living process this record means, or None: ended, a zombie, or the pid is another's now."""
        _reap(self.pid)
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.started) <= _START_TOLERANCE_SECONDS
            if same and not _is_zombie(found) and _runs(found, self.command):
                return found
        except psutil.Error:
            pass
        return None


def spawn(launch: Launch, log: Path) -> Record:
    """Start detached from the caller's session; stdout and stderr are appended to `log`.

    Raises OSError when the program cannot be executed.
    """
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))
    account = launch.account
    with log.open("ab") as sink:
        child = subprocess.Popen(
            launch.command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            cwd=launch.folder,
            env=dict(launch.environment),
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    _children[child.pid] = child
    return Record(child.pid, _when_started(child, launch.command), list(launch.command), launch.fingerprint)


def terminate(process: psutil.Process, polite: signal.Signals, patience: float) -> bool:
    """End a process: `polite` first, SIGKILL after `patience` seconds. True when it went politely.

    Blocks until the process is gone. psutil itself refuses to signal a pid that was given to another process.
    """
    for sign, seconds in ((polite, patience), (signal.SIGKILL, 10.0)):
        try:
            process.send_signal(sign)
        except psutil.NoSuchProcess:
            return True
        if wait_gone([process], seconds):
            return sign is polite
    return False


def wait_gone(processes: Sequence[psutil.Process], seconds: float) -> bool:
    """Whether all of them ended within `seconds`; a zombie has ended."""
    deadline = time.monotonic() + seconds
    while any(_lives(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log file, for an error message."""
    if not log.exists():
        return "(no log)"
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def replace_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a whole file or nothing: a crash never leaves half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """One process at a time is inside, per lock file. Raises Unavailable after LOCK_LIMIT_SECONDS."""
    deadline = time.monotonic() + LOCK_LIMIT_SECONDS
    with path.open("w") as file:
        while not _locked(file):
            if time.monotonic() > deadline:
                raise Unavailable("the local stack", f"another command has held {path} for too long")
            time.sleep(0.1)
        yield


def _locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(process: psutil.Process) -> bool:
    _reap(process.pid)
    try:
        return process.is_running() and not _is_zombie(process)
    except psutil.Error:
        return False


def _is_zombie(process: psutil.Process) -> bool:
    """Ended but not collected. One whose other threads still wind down holds its files and ports: not yet."""
    return process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1


def _when_started(child: subprocess.Popen[bytes], command: Sequence[str]) -> float:
    """Its start time, once its command line shows: for an instant after exec the system shows none."""
    deadline = time.monotonic() + 5.0
    while child.poll() is None and time.monotonic() < deadline:
        try:
            process = psutil.Process(child.pid)
            if _runs(process, command):
                return process.create_time()
        except psutil.Error:
            continue
        time.sleep(0.005)
    return time.time()


def _runs(process: psutil.Process, command: Sequence[str]) -> bool:
    """Whether its arguments are those of `command`. The program's name may differ: `java` can be a script."""
    arguments = list(command[1:])
    return process.cmdline()[-len(arguments) :] == arguments


def _reap(pid: int) -> None:
    """Collect a child of ours that ended, so that it does not stay a zombie."""
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        _children.pop(pid, None)


@atexit.register
def _let_go() -> None:
    """Children are meant to outlive us, which subprocess would warn about when its objects are collected."""
    for child in _children.values():
        child.returncode = 0
