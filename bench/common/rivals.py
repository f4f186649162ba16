"""Runs a rival as its own process; see bench/README.md for what it is given and what it prints."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.common.environment import RIVALS as FOLDER
from bench.common.environment import python_of
from bench.common.options import Options
from infra.local.processes import tail
from schemas.errors import Unavailable

RIVALS: dict[str, str] = {
    "plain": "plain confluent-kafka loop",
    "quix": "Quix Streams",
    "pydebeziumai": "PyDebeziumAI",
    "pathway": "Pathway",
    "cocoindex": "CocoIndex",
    "llamaindex": "LlamaIndex ingestion",
}
"""Folder -> name as a reader knows it."""
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Place:
    """What a rival reads and writes. `model`: the folder of the prepared model; `more`: words of one rival's own."""

    kafka: str
    topic: str
    group: str
    milvus: str
    token: str
    collection: str
    model: Path
    more: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        given = {
            "--kafka": self.kafka,
            "--topic": self.topic,
            "--group": self.group,
            "--milvus": self.milvus,
            "--token": self.token,
            "--collection": self.collection,
            "--model-dir": str(self.model),
        }
        return [*(word for option in given.items() for word in option), *self.more]


@dataclass(slots=True)
class Running:
    """A rival at work. `tally`, once it has ended: what it printed, e.g. how many texts its model saw."""

    name: str
    process: psutil.Popen
    log: Path
    tally: dict[str, int]

    def require_alive(self) -> None:
        """Raises Unavailable, with the end of its log, when it has ended by itself."""
        if self.process.poll() is not None:
            raise Unavailable(f"rival {self.name}", f"it ended:\n{tail(self.log)}")


@contextmanager
def rival(options: Options, name: str, place: Place) -> Iterator[Running]:
    """A rival from its start to SIGTERM. Raises Unavailable where it cannot be installed."""
    folder = options.home / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    log, said = folder / f"{place.group}.log", folder / f"{place.group}.out"
    command = [str(python_of(options, name)), str(FOLDER / name / "run.py"), *place.arguments()]
    with log.open("w") as errors, said.open("w") as output:
        process = psutil.Popen(command, stdout=output, stderr=errors, env=_environment(), start_new_session=True)
    running = Running(name, process, log, {})
    try:
        yield running
    finally:
        _end(process)
        running.tally.update(_last_line(said))


def _environment() -> dict[str, str]:
    """No setting of ours, and no library that reports home or asks a hub."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR") if name in os.environ}
    quiet = {"HF_HUB_OFFLINE": "1", "COCOINDEX_DISABLE_USAGE_TRACKING": "1"}
    return {**kept, **quiet, "PYTHONPATH": str(FOLDER / "shared"), "PYTHONUNBUFFERED": "1"}


def _end(process: psutil.Popen) -> None:
    """SIGTERM to its main process; what is left after PATIENCE_S is killed, with all that it started."""
    if process.poll() is None:
        process.terminate()
        deadline = time.monotonic() + PATIENCE_S
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    if process.poll() is None:
        process.wait(PATIENCE_S)


def _last_line(file: Path) -> dict[str, int]:
    lines = [line for line in file.read_text(errors="replace").splitlines() if line.startswith("{")]
    try:
        return dict(json.loads(lines[-1])) if lines else {}
    except ValueError:
        return {}
