"""An end to waiting for a database, also for one that is frozen and says nothing any more."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from time import monotonic

import psycopg

from connectors.database import Connection
from schemas.errors import Unavailable

GRACE_S = 0.05
"""After a deadline: PostgreSQL's own limit is to come first, as it leaves the connection usable."""


def left(deadline: float, part: str) -> float:
    """Seconds until the deadline (steady clock). Raises Unavailable when it has passed."""
    seconds = deadline - monotonic()
    if seconds <= 0:
        raise Unavailable(part, "it did not answer in time")
    return seconds


@contextmanager
def cut_off(connection: Connection, deadline: float) -> Iterator[None]:
    """Shuts the connection down soon after the deadline; whatever waits for it then fails."""
    own = socket.socket(fileno=os.dup(connection.fileno()))
    timer = Timer(max(0.0, deadline - monotonic()) + GRACE_S, _shut, [own])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        own.close()


def _shut(own: socket.socket) -> None:
    with suppress(OSError):  # already closed by the other side
        own.shutdown(socket.SHUT_RDWR)


def why(error: psycopg.Error) -> str:
    """The last line of what PostgreSQL said, which names no value of a row."""
    return (str(error).strip().splitlines() or ["no reason given"])[-1]
