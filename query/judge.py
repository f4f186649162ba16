"""What of the found records may be shown, beyond what labels say."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from index.store import Row
from query.authorize import Authorized
from query.policies.facts import RecordFacts
from query.ranking.scored import Scored
from schemas.contract import Contract


class Judge:
    """What of the records of one question may be shown, beyond what labels say. Each is judged once.

    Policies that speak of more than labels, and the contracts as they are now: rows of a table that is no longer
    searchable are no longer shown, and columns that are no longer metadata are cut off.
    """

    def __init__(self, permitted: Authorized, contracts: Mapping[str, Contract]) -> None:
        self._permitted = permitted
        self._metadata = {
            (source, name): frozenset(table.metadata)
            for source, contract in contracts.items()
            for name, table in contract.record_tables().items()
            if table.permissions is not None
        }
        self._judged: dict[tuple[str, str], bool] = {}

    @property
    def denied(self) -> int:
        """How many records were not permitted."""
        return sum(not permitted for permitted in self._judged.values())

    def permits(self, records: Sequence[Scored]) -> list[bool]:
        rows = [one.found.row for one in records]
        known = [(row.source, row.table) in self._metadata for row in rows]
        unsure = [
            row
            for row, is_known in zip(rows, known, strict=True)
            if is_known and row.label in self._permitted.unsure and _version(row) not in self._judged
        ]
        judgements = self._permitted.ruling.judge([self._facts(row) for row in unsure])
        for row, judgement in zip(unsure, judgements, strict=True):
            self._judged[_version(row)] = judgement.permitted
        return [
            is_known and (row.label not in self._permitted.unsure or self._judged[_version(row)])
            for row, is_known in zip(rows, known, strict=True)
        ]

    def metadata(self, row: Row) -> dict[str, Any]:
        """What of a row's metadata the contract still names."""
        named = self._metadata[row.source, row.table]
        return {column: value for column, value in orjson.loads(row.metadata).items() if column in named}

    def _facts(self, row: Row) -> RecordFacts:
        label = self._permitted.visibility.definitions[row.label]
        return RecordFacts(label, row.source, row.table, row.event_ms, self.metadata(row))


def _version(row: Row) -> tuple[str, str]:
    """All that is judged of a row: confirmed at its source, it is another one at the same position."""
    return row.record_id, f"{row.position} {row.label} {row.event_ms} {row.metadata}"
