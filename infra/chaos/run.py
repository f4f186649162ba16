"""One run of chaos, top to bottom: start, change and break and watch, heal, wait, compare."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from random import Random
from threading import Event, Lock, Thread

from rich.console import Console
from rich.live import Live

from infra.chaos.compare import compare, expected, pages
from infra.chaos.database import Database, all_rows, dsn_of
from infra.chaos.faults import Faults
from infra.chaos.product import Product
from infra.chaos.reader import Readers
from infra.chaos.recovery import Recovery
from infra.chaos.result import Least, Result, with_findings
from infra.chaos.schedule import Fault, schedule
from infra.chaos.timeline import Timeline
from infra.chaos.workers import Workers
from infra.chaos.workload import Workload
from infra.local.part import Report
from infra.local.stack import Stack
from schemas.errors import FreshlineError

RATE = 21.0
"""Row changes a second, about: what two cores embed while they also restart servers."""
QUIET_S = 600.0
"""How long the index may take, when all is healed, to say that it has caught up."""
LAST_QUESTIONS = 25
"""Asked when nothing changes any more."""


@dataclass(frozen=True)
class Plan:
    """How long to change and break things, by which seed, with how many standing workers."""

    seconds: float
    seed: int
    workers: int


class Chaos:
    """A run on a stack that is up, with its sources applied and its services and standing workers started."""

    def __init__(self, stack: Stack, product: Product, workers: Workers, plan: Plan, report: Report) -> None:
        self._plan, self._stack, self._product, self._workers, self._report = plan, stack, product, workers, report
        dsn = self._dsn = dsn_of(stack)
        self._timeline = Timeline()
        self._workload = Workload(dsn, plan.seed, RATE, self._timeline)
        self._readers = Readers(product, self._timeline, self._workload.touched, plan.seed)
        self._recovery = Recovery(dsn, product, self._workload, plan.seed)
        self._faults = Faults(stack, workers, Random(f"{plan.seed}/faults"))
        self._lock, self._broken, self._phase = Lock(), Event(), "starting"
        self.result = Result(plan.seed, plan.workers, Least.of(plan.seconds))

    def run(self, console: Console) -> Result:
        """Blocks. What went wrong is in the result; raises only what is nobody's plan."""
        with Live(console=console, get_renderable=self._line, refresh_per_second=2, transient=True):
            try:
                self._disturb()
                self._settle()
            finally:
                self._workload.stop()
                self._readers.stop()
        self.result.changes = self._workload.touched.changes
        self.result.looks, self.result.answers = self._readers.looks, self._readers.answers
        self.result.refused = self._readers.refused
        self.result.recovery = self._recovery.taken
        self.result.problems += [*self._workload.touched.failures, *self._readers.failures]
        self.result.problems += [f"never answered: {probe}" for probe in self._recovery.lost]
        with_findings(self.result, asdict(self._readers.found))
        self.result.judge()
        return self.result

    def _disturb(self) -> None:
        began = time.monotonic()
        self._workload.start()
        self._readers.start()
        self._phase = "disturbing"
        lanes = [Thread(target=self._lane, args=(faults, began)) for faults in self._planned()]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        self._broken.wait(max(0.0, began + self._plan.seconds - time.monotonic()))
        self._workload.stop()

    def _planned(self) -> Sequence[Sequence[Fault]]:
        return list(schedule(self._plan.seed, self._plan.seconds).values())

    def _lane(self, faults: Sequence[Fault], began: float) -> None:
        for fault in faults:
            self._broken.wait(max(0.0, began + fault.at_s - time.monotonic()))
            if self._broken.is_set() or time.monotonic() - began > self._plan.seconds:
                return
            self._report(f"fault: {fault.kind}, hold {fault.hold_s} s")
            try:
                self._faults.stage(fault)
            except Exception as error:
                self.result.problems.append(f"{fault.kind} could not be healed: {error}")
                self._broken.set()
                return
            with self._lock:
                self.result.faults[fault.kind] += 1
            self._report(f"healed: {fault.kind}")
            self._recovery.probe(fault.kind)

    def _settle(self) -> None:
        """Everything up, nothing changing any more: wait until the index says it is complete, and compare."""
        self._phase = "settling"
        self._stack.up()
        self._workers.start()
        last_ms = time.time() * 1000
        deadline = time.monotonic() + QUIET_S
        while not self._says(lambda: (self._product.watermark_ms() or 0) > last_ms):
            if time.monotonic() > deadline:
                self.result.problems.append(f"the index did not say within {QUIET_S:.0f} s that it has caught up")
                break
            time.sleep(0.2)
        self._recovery.finish()
        self._phase = "comparing"
        self._readers.stop()
        for _ in range(LAST_QUESTIONS):
            with suppress(FreshlineError):
                self._readers.ask()
        self._compare()

    def _compare(self) -> None:
        database = Database(self._dsn, Event())
        wanted = expected(all_rows(database.connection()))
        database.close()
        names = sorted(wanted.keys() | set(self._workload.touched.look()[1]))
        held = {name: seen for page in pages(names) for name, seen in self._product.held(page).items()}
        with_findings(self.result, asdict(compare(wanted, held, self._product.count())))
        self.result.problems += [f"dead letter: {letter}" for letter in self._product.dead_letters()]
        self.result.problems += [f"freshline verify: {difference}" for difference in self._product.verify()]

    def _says(self, what: Callable[[], bool]) -> bool:
        try:
            return what()
        except FreshlineError:
            return False

    def _line(self) -> str:
        found, readers = self._readers.found, self._readers
        return (
            f"   {self._phase}: {self._workload.touched.changes} changes, {self.result.faults.total()} faults; "
            f"{readers.looks} looks, {readers.answers} answers, {readers.refused} refused; {len(found.regressions)} "
            f"regressions, {len(found.resurrections)} resurrections, {len(found.leaks)} leaks"
        )
