"""The real parts for a bench: a stack of its own, empty at first, and workers of the stream job on it."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.common.options import Options
from connectors.kafka_admin import KafkaAdmin
from connectors.load import load
from connectors.plan import wanted_topics
from infra.chaos.workers import Workers
from infra.local.apart import environment
from infra.local.stack import Stack
from schemas.errors import Unavailable
from schemas.settings import PREFIX, Settings
from schemas.topics import INTERNAL

READY_S = 60.0


@contextmanager
def servers(options: Options, sources: Path, *names: str) -> Iterator[Settings]:
    """Some servers of the local stack (all without names), without any data. `sources`: the folder of contracts.

    What is started meanwhile reads the same settings from the environment: those of the user do not count.
    """
    place = options.home / "stack"
    with variables({"HOME": str(place), "SOURCES": str(sources.absolute())}):
        stack = Stack(place, lambda _: None, options.product / "jars")
        if place.exists():
            Workers(place, 1, options.say).stop()
            stack.erase()
            shutil.rmtree(place)
        place.mkdir(parents=True)
        (place / "models").symlink_to(options.product / "models")
        options.say(f"servers start: {', '.join(names) or 'all'}")
        try:
            stack.up(names)
            yield Settings.load(os.environ)
        finally:
            Workers(place, 1, options.say).stop()
            stack.down()


@contextmanager
def workers(settings: Settings, run: str, number: int = 1, **given: object) -> Iterator[Settings]:
    """So many workers of the stream job, at work with nothing to do: new topics, a group and an index of their own.

    `run` names group and index; `given` are other settings, by their names. Gives the settings of these workers.
    """
    changed = {"group": f"bench-{run}", "collection": f"bench_{run.replace('-', '_')}", **given}
    with variables({"HOME": str(settings.home), "SOURCES": str(settings.sources), **changed}):
        own = Settings.load(os.environ)
        fresh_topics(own)
        crew = Workers(own.home, number, lambda _: None)
        try:
            crew.start()
            _until_at_work(crew, own, number)
            yield own
        finally:
            crew.stop()


def fresh_topics(settings: Settings) -> None:
    """All topics of the product and its sources, without any message."""
    kafka = KafkaAdmin(settings.kafka, 10.0)
    wanted = wanted_topics(load(settings.sources), settings.partitions)
    names = [spec.name for spec in wanted]
    kafka.delete_topics(sorted({*INTERNAL, *names}))  # named twice, a topic crashes the client
    _until(lambda: set(kafka.topics()).isdisjoint(names), "Kafka", "the topics of an earlier run do not go away")
    kafka.create_topics(wanted)
    _until(lambda: set(names) <= set(kafka.topics()), "Kafka", "it does not make topics")


def _until_at_work(crew: Workers, settings: Settings, number: int) -> None:
    kafka = KafkaAdmin(settings.kafka)

    def ready() -> bool:
        return kafka.members(settings.group) >= number and all(worker.healthy() for worker in crew.standing)

    _until(ready, "the stream job", f"it does not begin; see {crew.home.logs}")


def _until(met: Callable[[], bool], what: str, otherwise: str) -> None:
    deadline = time.monotonic() + READY_S
    while not met():
        if time.monotonic() > deadline:
            raise Unavailable(what, otherwise)
        time.sleep(0.1)


@contextmanager
def variables(given: Mapping[str, object]) -> Iterator[None]:
    """These settings in the environment, and no other of ours."""
    wanted = {PREFIX + name.upper(): str(value) for name, value in given.items()}
    with environment(wanted):
        for name in os.environ.keys() - wanted.keys():
            if name.startswith(PREFIX):
                del os.environ[name]
        yield
