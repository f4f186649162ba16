"""A part of the stack: one process with a port, a log file, a pid file, a health check, and a clean stop."""

import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import psutil

from infra.local.home import Home
from infra.local.processes import Launch, Record, spawn, terminate, wait_gone

Report = Callable[[str], None]


class Part(ABC):
    """`start`, `healthy`, `stop` never wait for readiness; `Stack` waits, with a limit."""

    name: ClassVar[str]
    service: ClassVar[bool] = False
    """One of Freshline's own processes, which start after the sources were applied."""
    needs: ClassVar[Sequence[str]] = ()
    """Parts that must be healthy before this one starts."""
    polite: ClassVar[signal.Signals] = signal.SIGTERM
    start_limit: ClassVar[float] = 90.0
    """Seconds from start to healthy, on a slow and busy machine."""
    stop_limit: ClassVar[float] = 25.0
    """Seconds from the polite signal to SIGKILL."""

    def __init__(self, home: Home, port: int, report: Report) -> None:
        self.home, self.port, self.report = home, port, report
        self.log = home.logs / f"{self.name}.log"
        self.pid_file = home.pids / f"{self.name}.json"
        self.folder = home.root / self.name
        """Where its configuration and data lie."""

    @abstractmethod
    def launch(self) -> Launch:
        """The command, and its configuration written where the program reads it. Starts nothing."""

    @abstractmethod
    def healthy(self) -> bool:
        """Whether it does its work now. Never raises; takes at most a few seconds."""

    def prepare(self) -> None:  # noqa: B027 (most parts have nothing to do)
        """Before each start: what must exist on disk. Idempotent, and repairs what a crash left behind."""

    def furnish(self) -> None:  # noqa: B027
        """Once it is healthy: what must exist inside it. Idempotent."""

    def strays(self) -> list[psutil.Process]:
        """Processes of this part that outlived its main process."""
        return []

    def process(self) -> psutil.Process | None:
        """The living main process, or None."""
        record = Record.read(self.pid_file)
        return record.process() if record else None

    def outdated(self) -> bool:
        """Whether it runs with another configuration than it would be started with now."""
        record = Record.read(self.pid_file)
        return record is not None and record.fingerprint != self.launch().fingerprint

    def start(self) -> None:
        """Start it unless it runs. Returns as soon as the process exists."""
        if self.process() is None:
            self.prepare()
            spawn(self.launch(), self.log).write(self.pid_file)

    def stop(self, limit: float | None = None) -> None:
        """End it and all it started, politely for `limit` seconds (stop_limit), then by force.

        Idempotent; a stale pid file is only removed.
        """
        process = self.process()
        if process is not None:
            terminate(process, self.polite, self.stop_limit if limit is None else limit)
        strays = self.strays()
        if strays and not wait_gone(strays, 5.0):
            for stray in strays:
                terminate(stray, signal.SIGKILL, 5.0)
        self.pid_file.unlink(missing_ok=True)

    def kill(self, sign: signal.Signals) -> None:
        """Send one signal to the main process; after SIGKILL, wait until it is gone. For tests."""
        process = self.process()
        if process is not None:
            process.send_signal(sign)
            if sign is signal.SIGKILL:
                wait_gone([process], 10.0)


def inherited_environment() -> dict[str, str]:
    """What a child needs of our environment to run at all; no setting and no secret of ours."""
    wanted = ("PATH", "JAVA_HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "HOME")
    return {name: os.environ[name] for name in wanted if name in os.environ}
