"""The whole local stack: PostgreSQL, Kafka, Kafka Connect, Milvus Lite as detached processes of one home.

    up      every part healthy, repaired after any crash, in parallel as far as they do not need each other
    down    no process left

Both are idempotent, and serialised across processes by a lock file in the home.
"""

import shutil
import signal
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.local import jars, prerequisites
from infra.local.connect import Connect
from infra.local.home import PORTED, Endpoints, Home, Ports, becomes_free, choose_ports
from infra.local.kafka import Kafka
from infra.local.milvus import Milvus
from infra.local.part import Part, Report
from infra.local.postgres import Postgres
from infra.local.processes import exclusive, tail
from infra.local.services import Api, Worker
from schemas.errors import FreshlineError, Misconfigured, Unavailable

State = Literal["running", "unhealthy", "stopped"]
POLL_SECONDS = 0.1
HANG_PATIENCE_SECONDS = 15.0
"""A part that runs but is not healthy gets this long before `up` restarts it."""
HANG_STOP_SECONDS = 3.0


@dataclass(frozen=True)
class PartStatus:
    """`pid` is None when stopped. `log` exists once the part was started."""

    name: str
    state: State
    pid: int | None
    port: int
    log: Path


class Stack:
    """`report` is called with one line of progress at a time, from several threads but never at once.

    `jars_folder` lets several homes share the downloaded jars; by default a home has its own.
    """

    def __init__(self, home: Path, report: Report, jars_folder: Path | None = None) -> None:
        self._home = Home(home, jars_folder)
        self._report = _one_at_a_time(report)

    def prepare(self) -> None:
        """Install and fetch what the parts need; at once when it is there. Raises Misconfigured or Unavailable."""
        self._home.create()
        with self._lock():
            prerequisites.ensure(self._report)
            jars.resolve(self._home.jars, self._report)

    def up(self, names: Collection[str] = ()) -> None:
        """Every server, or those named, healthy when this returns. Raises Misconfigured, or Unavailable naming each
        other."""
        self.prepare()
        with self._lock():
            servers = [part for part in self._parts_on_usable_ports() if not part.service]
            servers = [part for part in servers if not names or part.name in names]
            self._together(servers, self._bring_up)

    def up_services(self) -> None:
        """The stream job and the API healthy when this returns; before, the servers are up and the sources applied."""
        with self._lock():
            services = [part for part in self._parts(self._home.remembered_ports()) if part.service]
            self._together(services, self._bring_up)

    def down(self) -> None:
        """No process of this home left when this returns: first those that use others, then the rest."""
        if not self._home.root.exists():
            return
        with self._lock():
            parts = self._parts(self._home.remembered_ports())
            self._together([part for part in parts if part.needs], self._take_down)
            self._together([part for part in parts if not part.needs], self._take_down)

    def erase(self) -> None:
        """`down`, and delete all that the stack ever wrote, but for jars that lie elsewhere."""
        self.down()
        for part in self._parts(self._home.remembered_ports()):
            shutil.rmtree(part.folder, ignore_errors=True)
        for folder in (self._home.logs, self._home.pids, self._home.secrets, self._home.root / "jars"):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self._home.note, self._home.root / "jars.lock"):
            file.unlink(missing_ok=True)

    def status(self) -> list[PartStatus]:
        """Each part as it is now. Changes nothing."""
        found = []
        for part in self._parts(self._home.remembered_ports()):
            process = part.process()
            state: State = "stopped" if process is None else "running" if part.healthy() else "unhealthy"
            found.append(PartStatus(part.name, state, process.pid if process else None, part.port, part.log))
        return found

    def endpoints(self) -> Endpoints:
        """Where the parts are. Raises Misconfigured before the first `up`."""
        ports = self._home.remembered_ports()
        if not ports:
            raise Misconfigured(f"there is no stack in {self._home.root} yet: start it first")
        return self._home.endpoints(ports)

    def restart(self, name: str) -> None:
        """Stop one part cleanly, start it, wait until it is healthy. Raises Unavailable when it is not."""
        with self._lock():
            part = self._part(name)
            self._take_down(part)
            self._bring_up(part)

    def kill(self, name: str, sign: signal.Signals = signal.SIGKILL) -> None:
        """Send one part a signal, as a fault would. For tests."""
        self._part(name).kill(sign)

    def _parts(self, ports: Ports) -> list[Part]:
        """Those needed by others come first. A part without a known port gets 0: it cannot be running."""
        known = {name: ports.get(name, 0) for name in PORTED}
        return [
            Postgres(self._home, known["postgres"], self._report),
            Kafka(self._home, known["kafka"], self._report),
            Milvus(self._home, known["milvus"], self._report),
            Connect(self._home, known, self._report),
            Worker(self._home, known, self._report),
            Api(self._home, known, self._report),
        ]

    def _part(self, name: str) -> Part:
        return next(part for part in self._parts(self._home.remembered_ports()) if part.name == name)

    def _parts_on_usable_ports(self) -> list[Part]:
        remembered = self._home.remembered_ports()
        running = [part.name for part in self._parts(remembered) if part.process() is not None]
        ports = choose_ports(remembered, running, becomes_free)
        for name, port in remembered.items():
            if ports[name] != port:
                self._report(f"{name}: port {port} belongs to somebody else now, taking {ports[name]}")
        self._home.remember(ports)
        return self._parts(ports)

    def _bring_up(self, part: Part) -> None:
        if part.process() is not None:
            if part.outdated():
                self._report(f"{part.name}: its configuration changed, restarting it")
                part.stop()
            elif self._becomes_healthy(part, HANG_PATIENCE_SECONDS):
                part.furnish()
                return
            else:
                self._report(f"{part.name}: runs without answering, restarting it")
                part.stop(limit=HANG_STOP_SECONDS)
        self._report(f"{part.name}: starting")
        begun = time.monotonic()
        part.start()
        if not self._becomes_healthy(part, part.start_limit):
            ended = "ended" if part.process() is None else f"is not healthy after {part.start_limit:.0f} s"
            raise Unavailable(part.name, f"it {ended}; {part.log} ends with:\n{tail(part.log)}")
        part.furnish()
        where = f" on port {part.port}" if part.port else ""
        self._report(f"{part.name}: ready{where} after {time.monotonic() - begun:.1f} s")

    def _take_down(self, part: Part) -> None:
        if part.process() is not None:
            self._report(f"{part.name}: stopping")
        part.stop()

    def _becomes_healthy(self, part: Part, seconds: float) -> bool:
        """False at once when the process ends."""
        deadline = time.monotonic() + seconds
        while part.process() is not None and time.monotonic() < deadline:
            if part.healthy():
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _together(self, parts: Sequence[Part], action: Callable[[Part], None]) -> None:
        """Run the action on all parts in threads, each after those it needs. Raises all that failed."""
        futures: dict[str, Future[None]] = {}

        def run(part: Part) -> None:
            if all(futures[need].exception() is None for need in part.needs if need in futures):
                action(part)

        with ThreadPoolExecutor(max_workers=max(1, len(parts))) as pool:
            for part in parts:
                futures[part.name] = pool.submit(run, part)
        failed = [error for future in futures.values() if (error := future.exception()) is not None]
        if len(failed) > 1 and all(isinstance(error, FreshlineError) for error in failed):
            raise Unavailable("the local stack", "\n".join(map(str, failed)))
        if failed:
            raise failed[0]

    def _lock(self) -> AbstractContextManager[None]:
        """One `up`, `down` or `restart` of a home at a time."""
        return exclusive(self._home.root / "stack.lock")


def _one_at_a_time(report: Report) -> Report:
    lock = threading.Lock()

    def safely(line: str) -> None:
        with lock:
            report(line)

    return safely
