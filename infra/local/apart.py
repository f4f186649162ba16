"""A stack apart from the user's own: its home, the variables by which its services find it, what was staged there."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infra.local.part import Report

SHARED = ("jars", "models")
"""Downloads, shared with the user's own home."""


def make_home(place: Path, home: Path) -> None:
    """An empty home, but for the downloads of another one."""
    place.mkdir(parents=True)
    for shared in SHARED:
        (place / shared).symlink_to(home.absolute() / shared)


def reporting_to(file: Path) -> Report:
    """Writes each report into a file that begins anew, with its time of day."""
    file.unlink(missing_ok=True)

    def report(line: str) -> None:
        with file.open("a") as kept:
            kept.write(f"{time.strftime('%H:%M:%S')} {line}\n")

    return report


@contextmanager
def environment(given: Mapping[str, str]) -> Iterator[None]:
    """The services of a stack read the environment: meanwhile they find these variables there, as of this process."""
    before = dict(os.environ)
    os.environ |= dict(given)
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # else it complains of each server that is started beside it
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
