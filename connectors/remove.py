"""Ending the capture of a source: its connector, replication slot and publication."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from connectors import database
from connectors.connect_api import ConnectApi
from connectors.debezium import is_ours
from schemas.errors import Misconfigured, Unavailable
from schemas.settings import Settings

POLL_SECONDS = 0.2
Report = Callable[[str], None]


REMAINS = {
    False: "Its rows are no longer searched: without a contract nothing of it is. They still lie in Milvus, until "
    "you delete there what has source == '{source}', and in freshline.changes, from which a rebuild writes them again.",
    True: "Its contract is still there, so its rows stay searchable, as they are now. Captured anew, with a new "
    "snapshot, by: freshline sources apply. To be rid of it, take its contract away and restart: make up.",
}
"""What is left of a source, by whether it still has a contract."""


@dataclass(frozen=True)
class Capture:
    """What captures a source. `connector` is False where only the rest may still be there."""

    source: str
    connector: bool
    slot: str
    publication: str

    def __str__(self) -> str:
        connector = f"connector {self.source}" if self.connector else "no connector"
        return f"{connector}, replication slot {self.slot}, publication {self.publication}"


def find_capture(source: str, settings: Settings) -> Capture:
    """What `remove` would take away. Raises Misconfigured where the connector is none of Freshline's,
    Unavailable("Kafka Connect")."""
    with ConnectApi(settings.connect_url, settings.request_timeout) as connect:
        config = connect.config(source)
    if config is not None and not is_ours(source, config):
        raise Misconfigured(f"the connector {source!r} was not made by Freshline; see freshline sources plan")
    options: Mapping[str, str] = config or {}
    names = (options.get(option, f"freshline_{source}") for option in ("slot.name", "publication.name"))
    return Capture(source, config is not None, *names)


def remove(capture: Capture, settings: Settings, report: Report, wait_seconds: float = 30.0) -> list[str]:
    """Take it away, reporting a line for each thing done; returns what could not be done, with the remedy. Idempotent.

    Raises Unavailable("Kafka Connect"): then begin again.
    """
    if capture.connector:
        with ConnectApi(settings.connect_url, settings.request_timeout) as connect:
            _end_connector(connect, capture.source, wait_seconds)
        report(f"connector {capture.source}: removed, its place in the source's log forgotten")
    else:
        report(f"connector {capture.source}: there is none")
    try:
        with database.connected(settings, writing=True) as connection:
            return list(_clean_database(connection, capture, report, wait_seconds))
    except Unavailable as error:
        return [f"{error}; in the source's database run: {_by_hand(capture)}"]


def _end_connector(connect: ConnectApi, name: str, seconds: float) -> None:
    connect.stop(name)
    _until(lambda: (s := connect.status(name)) is not None and (s.state, s.tasks) == ("STOPPED", ()), seconds)
    connect.forget_offsets(name)
    connect.delete(name)
    _until(lambda: connect.status(name) is None, seconds)


def _clean_database(connection: database.Connection, capture: Capture, report: Report, seconds: float) -> Iterator[str]:
    asked = "SELECT active FROM pg_replication_slots WHERE slot_name = %s AND database = current_database()"
    if connection.execute(asked, [capture.slot]).fetchone() is not None:
        _until(lambda: connection.execute(asked, [capture.slot]).fetchone() == (False,), seconds)
        connection.execute("SELECT pg_drop_replication_slot(%s)", [capture.slot])
        report(f"replication slot {capture.slot}: dropped")
    elif capture.connector:
        here = f"there is no replication slot {capture.slot} in the database {connection.info.dbname}"
        yield f"{here}; if the source is another one, run there: {_by_hand(capture)}"
    published = "SELECT FROM pg_publication WHERE pubname = %s"
    if connection.execute(published, [capture.publication]).fetchone() is not None:
        connection.execute(sql.SQL("DROP PUBLICATION {}").format(sql.Identifier(capture.publication)))
        report(f"publication {capture.publication}: dropped")


def _by_hand(capture: Capture) -> str:
    slot = f"SELECT pg_drop_replication_slot('{capture.slot}')"
    return f"{slot}; DROP PUBLICATION IF EXISTS {capture.publication};"


def _until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Unavailable("Kafka Connect", f"the connector has not stopped within {seconds:g} s; try again")
        time.sleep(POLL_SECONDS)
