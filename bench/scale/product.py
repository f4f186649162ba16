"""Workers and the API as they are, only with the cheap embedder; and how to know that they are through."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import psutil
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from bench.events import TOPIC, Event, produce
from connectors.kafka_offsets import KafkaOffsets, quiet
from infra.local.home import HOST, Home
from infra.local.processes import Launch
from infra.local.services import CODE, Api, Worker
from schemas.errors import Unavailable
from schemas.settings import Settings
from schemas.topics import CHANGES, worker_client

LIMIT_S = 120.0
LOOK_S = 0.05


def _cheaply(launch: Launch, *arguments: str) -> Launch:
    python, program = launch.command[:2]
    command = [python, "-m", "bench.scale.cheap", program, *arguments]
    return replace(launch, command=command, environment={**launch.environment, "PYTHONPATH": str(CODE)})


class CheapWorker(Worker):
    """One of several, without a supervisor: nobody starts it anew."""

    def __init__(self, home: Home, number: int) -> None:
        super().__init__(home, home.remembered_ports(), lambda _: None)
        self.log, self.pid_file = home.logs / f"worker-{number}.log", home.pids / f"worker-{number}.json"

    def launch(self) -> Launch:
        return _cheaply(super().launch(), "work", "--alone")


class CheapApi(Api):
    """Healthy when it may answer: its view of the permissions is complete, and the index answers."""

    def __init__(self, home: Home) -> None:
        super().__init__(home, home.remembered_ports(), lambda _: None)

    def launch(self) -> Launch:
        return _cheaply(super().launch(), "serve")

    def healthy(self) -> bool:
        try:
            return httpx.get(f"http://{HOST}:{self.port}/readyz", timeout=3.0, trust_env=False).is_success
        except httpx.HTTPError:
            return False


@contextmanager
def at_work(settings: Settings, number: int, cores: int) -> Iterator[list[psutil.Process]]:
    """So many workers in one group, all of them on so many cores; the servers stay where they are."""
    home = Home(settings.home)
    workers = [CheapWorker(home, one + 1) for one in range(number)]
    try:
        for worker in workers:
            worker.start()
        processes = [process for worker in workers if (process := worker.process())]
        for process in processes:
            process.cpu_affinity(sorted(psutil.Process().cpu_affinity() or [])[:cores])
        clients = {worker_client(process.pid) for process in processes}
        until(lambda: clients <= _members(settings), "the stream job", f"not all work; see {home.logs}")
        yield processes
    finally:
        for worker in workers:
            worker.stop()


def _members(settings: Settings) -> set[str]:
    """Of the group, once it is at work."""
    client = AdminClient(quiet(settings.kafka))
    asked = client.describe_consumer_groups([settings.group], request_timeout=10.0)
    group = asked[settings.group].result(10.0)
    return {member.client_id for member in group.members} if group.state is ConsumerGroupState.STABLE else set()


def api_ready_s(settings: Settings) -> float:
    """Seconds from the start of the API, which keeps nothing, until it may answer."""
    api = CheapApi(Home(settings.home))
    began = time.monotonic()
    try:
        api.start()
        until(api.healthy, "the API", f"it is not ready; see {api.log}")
        return round(time.monotonic() - began, 1)
    finally:
        api.stop()


def through(settings: Settings, events: Iterable[Event]) -> None:
    """Write events, and return when all are in the index: their changes come after what intake has committed."""
    produce(settings.kafka, events)
    offsets = KafkaOffsets(settings.kafka, settings.group)
    for topic in (TOPIC, CHANGES):
        ends = {place: end for place, end in offsets.end_offsets([topic]).items() if end}
        until(lambda: _reached(offsets, topic, ends), "the stream job", f"{topic} is not read")  # noqa: B023


def _reached(offsets: KafkaOffsets, topic: str, ends: dict[tuple[str, int], int]) -> bool:
    committed = offsets.committed([topic])
    return all(committed.get(place, 0) >= end for place, end in ends.items())


def until(met: Callable[[], bool], what: str, otherwise: str) -> None:
    """Raises Unavailable where it takes longer than LIMIT_S."""
    deadline = time.monotonic() + LIMIT_S
    while not met():
        if time.monotonic() > deadline:
            raise Unavailable(what, f"{otherwise}, after {LIMIT_S:g} s")
        time.sleep(LOOK_S)
