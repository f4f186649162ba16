"""The systems that are compared, as ingest starts them, and what can be seen of each from outside."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from textwrap import shorten

from bench.common.options import Options
from bench.common.rivals import RIVALS
from bench.correctness.outcome import shown
from bench.events import Event, produce
from bench.events.hard import Shown
from bench.ingest.systems import Start as StartSystem
from bench.ingest.systems import System, systems
from schemas.errors import Unavailable
from schemas.settings import Settings

MOST_ROWS = 1000
FULL = ", REPLICA IDENTITY FULL"
"""Behind the name of a system that is tried a second time."""
WORDS = 80
"""Characters of an error that are shown."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A system at work."""

    write: Callable[[Iterable[Event]], object]
    """Writes events to the topic that it reads."""
    at_work: Callable[[], bool]
    """Whether it reads the topic."""
    ended: Callable[[], str | None]
    """The error that its process ended with; None while it is alive."""
    found: Callable[[], dict[str, Shown]]
    """What its index shows."""


Start = Callable[[str], AbstractContextManager[Stage]]
"""Starts a system with an empty index before an empty topic; what it is given names the run."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """`full`: its table has REPLICA IDENTITY FULL, which costs the database more and makes some events easier."""

    start: Start
    full: bool = False


def contestants(options: Options, settings: Settings) -> dict[str, Contestant]:
    """Freshline and all rivals, by the name that readers know. Who does not survive an update without the row before
    it gets a second try."""
    found = {name: Contestant(partial(_staged, settings, start)) for name, start in systems(options, settings).items()}
    second = RIVALS["pathway"]
    return {**found, f"{second}{FULL}": Contestant(found[second].start, full=True)}


@contextmanager
def _staged(settings: Settings, start: StartSystem, run: str) -> Iterator[Stage]:
    with start(run) as system:
        yield Stage(
            partial(produce, settings.kafka, topic=system.topic, wrap=system.wrapped),
            system.at_work,
            partial(_ended, system),
            partial(_look, system),
        )


def _ended(system: System) -> str | None:
    try:
        system.require_alive()
    except Unavailable as error:
        return last_error(str(error))
    return None


def last_error(log: str) -> str:
    """The last line of a log that names an error, shortened."""
    named = re.findall(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception)\b.*)", log, re.MULTILINE)
    return shorten(named[-1], WORDS, placeholder=" …") if named else "the process ended"


def _look(system: System) -> dict[str, Shown]:
    """What the collection holds now; nothing before it is there."""
    if not system.client.has_collection(system.collection):
        return {}
    return shown(system.client.query(system.collection, filter="", limit=MOST_ROWS, output_fields=["*"]))
