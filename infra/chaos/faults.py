"""The faults, as they are staged on the local stack. Each returns when it is healed, as far as we can heal it."""

import resource
import signal
import time
from collections.abc import Callable
from random import Random

import psutil

from infra.chaos.schedule import Fault
from infra.chaos.workers import Workers
from infra.local.processes import Record, wait_gone
from infra.local.stack import Stack
from schemas.errors import Unavailable

SESSION_S = 10.0
"""After so long without a sign of life Kafka gives a worker's partitions to another: streams/worker.py."""
SKEW_S = 600.0
EXTRA_WORKER_S = 8.0
"""Long enough for an extra worker to start, join and get partitions."""
SETTLED_S = 10.0
"""So old a worker is past its start."""
VICTIM_PATIENCE_S = 90.0


class Faults:
    """`stage` blocks. Safe with one thread a lane: no two faults of a lane at once."""

    def __init__(self, stack: Stack, workers: Workers, random: Random) -> None:
        self._stack, self._workers, self._random = stack, workers, random
        self._kinds: dict[str, Callable[[float], None]] = {
            "worker_kill": self._worker_kill,
            "worker_zombie": self._worker_zombie,
            "rebalance_storm": self._rebalance_storm,
            "clock_skew": self._clock_skew,
            "kafka_kill": lambda hold: self._kill("kafka", hold),
            "connect_kill": lambda hold: self._kill("connect", hold),
            "milvus_kill": lambda hold: self._kill("milvus", hold),
            "postgres_kill": lambda hold: self._kill("postgres", hold),
            "postgres_restart": self._postgres_restart,
            "disk_full": self._disk_full,
        }

    def stage(self, fault: Fault) -> None:
        """Break it, hold it, heal it. Raises Unavailable if a part does not come back, or there is nothing to break."""
        self._kinds[fault.kind](fault.hold_s)

    def _kill(self, part: str, hold: float) -> None:
        self._stack.kill(part)
        time.sleep(hold)
        self._stack.up()

    def _postgres_restart(self, hold: float) -> None:
        self._stack.restart("postgres")
        time.sleep(hold)

    def _worker_kill(self, hold: float) -> None:
        self._victim().kill()
        time.sleep(hold)

    def _worker_zombie(self, hold: float) -> None:
        """Stop a worker until others have its partitions, and wake it in the middle of what it was doing."""
        victim = self._victim()
        victim.suspend()
        try:
            time.sleep(SESSION_S + 1.0 + hold)
        finally:
            victim.resume()

    def _rebalance_storm(self, hold: float) -> None:
        """Two more workers come, a second apart; one leaves in order, one is killed."""
        first = self._workers.hire()
        time.sleep(1.0)
        second = self._workers.hire()
        time.sleep(EXTRA_WORKER_S + hold)
        self._workers.dismiss(first)
        process = second.process()
        for child in process.children() if process else []:
            child.kill()
        self._workers.dismiss(second)

    def _clock_skew(self, hold: float) -> None:
        """A worker with a clock ten minutes wrong works with the others for a while."""
        worker = self._workers.hire(skew_s=self._random.choice((-SKEW_S, SKEW_S)))
        time.sleep(EXTRA_WORKER_S + 2.0 + hold)
        self._workers.dismiss(worker)

    def _disk_full(self, hold: float) -> None:
        """No file of the broker may grow: for it the disk is full, under every topic, the dead letters included."""
        record = Record.read(self._workers.home.pids / "kafka.json")
        broker = record.process() if record else None
        if broker is not None:
            unlimited = broker.rlimit(psutil.RLIMIT_FSIZE)
            broker.rlimit(psutil.RLIMIT_FSIZE, (1, unlimited[1]))
            wait_gone([broker], 2.0 + hold)
            if broker.is_running():
                broker.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, unlimited[1]))
                self._stack.kill("kafka", signal.SIGKILL)
        self._stack.up()

    def _victim(self) -> psutil.Process:
        """A worker that is at work beside another one; waits for that, since others of its faults may just be over."""
        deadline = time.monotonic() + VICTIM_PATIENCE_S
        while time.monotonic() < deadline:
            workers = [process for n in range(len(self._workers.standing)) if (process := self._workers.at_work(n))]
            settled = [process for process in workers if time.time() - process.create_time() > SETTLED_S]
            if len(workers) > 1 and settled:
                return self._random.choice(settled)
            time.sleep(0.2)
        raise Unavailable("a second worker", f"not at work within {VICTIM_PATIENCE_S:.0f} s")
