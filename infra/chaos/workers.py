"""Workers of the stream job beside the one of the local stack: each supervised, with a log and a pid file."""

import signal
from dataclasses import replace
from itertools import count
from pathlib import Path

import psutil

from infra.local.home import Home
from infra.local.part import Report
from infra.local.processes import Launch
from infra.local.services import Worker


class NamedWorker(Worker):
    """A worker under a name of its own; with `skew_s`, one whose wall clock is wrong by so many seconds."""

    def __init__(self, home: Home, name: str, report: Report, skew_s: float = 0.0) -> None:
        super().__init__(home, home.remembered_ports(), report)
        self._skew_s = skew_s
        self.log, self.pid_file = home.logs / f"{name}.log", home.pids / f"{name}.json"

    def launch(self) -> Launch:
        launch = super().launch()
        if not self._skew_s:
            return launch
        python, program, command = launch.command
        skewed = [python, "-m", "infra.chaos.skewed", str(self._skew_s), program, command, "--alone"]
        code = str(Path(program).parent)
        return replace(launch, command=skewed, environment={**launch.environment, "PYTHONPATH": code})


class Workers:
    """All workers of a home. The standing ones serve during the whole run; extra ones come and go."""

    def __init__(self, home: Path, standing: int, report: Report) -> None:
        self.home, self._report = Home(home), report
        self._numbers = count(standing + 1)
        self.standing = [NamedWorker(self.home, name_of(number), report) for number in range(1, standing + 1)]
        self._extra: list[NamedWorker] = []

    def start(self) -> None:
        """Start the standing ones that do not run."""
        for worker in self.standing:
            worker.start()

    def hire(self, skew_s: float = 0.0) -> NamedWorker:
        """Start one more."""
        worker = NamedWorker(self.home, f"worker-{next(self._numbers)}", self._report, skew_s)
        self._extra.append(worker)
        worker.start()
        return worker

    def dismiss(self, worker: NamedWorker) -> None:
        """End an extra one politely."""
        worker.stop()
        self._extra.remove(worker)

    def at_work(self, number: int) -> psutil.Process | None:
        """The process that does the work of a standing worker; its supervisor stands above it."""
        try:
            supervisor = self.standing[number].process()
            return next(iter(supervisor.children()), None) if supervisor else None
        except psutil.NoSuchProcess:
            return None

    def stop(self) -> None:
        """End all, also those of an earlier run that was cut off."""
        known = [*self.standing, *self._extra]
        files = {worker.pid_file for worker in known}
        strangers = [file.stem for file in self.home.pids.glob("worker*.json") if file not in files]
        for worker in (*known, *(NamedWorker(self.home, name, self._report) for name in strangers)):
            process = worker.process()
            for one in [process, *process.children()] if process else []:
                one.send_signal(signal.SIGCONT)
            worker.stop()
        self._extra.clear()


def name_of(number: int) -> str:
    """The first is the local stack's own."""
    return "worker" if number == 1 else f"worker-{number}"
