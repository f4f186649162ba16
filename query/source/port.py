"""The port to a source's rows: what the asker itself would see there."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from query.asker import Asker

Wanted = Mapping[str, Collection[str]]
"""Table -> the ids of the records that are asked for."""

SourceRow = Mapping[str, Any]
"""A row's columns, with the values that Debezium would send. Without what the contract masks."""


class SourceReader(Protocol):
    """Safe to call from several threads. Never writes."""

    def examine(self) -> None:
        """Ask whether rows can be read under the asker's identity at all, and only under it.

        Raises Misconfigured, saying what to do; Unavailable when the database is away.
        """

    def read(self, asker: Asker, wanted: Wanted, deadline: float) -> dict[str, SourceRow]:
        """Those of the records that the asker may see now, by record id; all of one moment each.

        A record that is gone, one the asker may not see and an id that no row can have are alike left out. Returns or
        raises by `deadline` (steady clock, seconds; some milliseconds of grace), whatever the database does. Also with
        nothing wanted the database is asked, so that nobody can tell from it whether anything was. Raises Unavailable
        when it did not answer, Misconfigured where it must not be read.
        """

    def close(self) -> None:
        """Let go of the connections."""
