"""What tests of push share: updates of a small company, and the topic as a list."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from index.store import Version
from query.updates.places import Placed, Places, Read
from query.updates.refusals import CursorExpired
from schemas.label import Label
from schemas.update import Standing, Update

PRINTERS = Standing(query="printer fire", min_relevance=0.3)


def label_of(*readers: str, tenant: str = "acme") -> Label:
    return Label(tenant=tenant, readers=tuple(f"user:{reader}" for reader in readers))


def changed(company: Any, record_id: str, text: str, label: Label, **row: Any) -> Update:
    """Index a record and give the update that the worker would publish."""
    company.put(record_id, text, label, **row)
    return shown(company, record_id)


def shown(company: Any, record_id: str, **fields: Any) -> Update:
    """The update of a record as the index has it."""
    row = company.store.head(record_id)
    return Update(
        record_id=record_id,
        source=row.source,
        table=row.table,
        position=row.position,
        commit_ms=row.commit_ms,
        event_ms=row.event_ms,
        label=row.label,
        kind="changed",
    ).model_copy(update=fields)


def with_label(company: Any, record_id: str, label: Label) -> Update:
    """Give a record another label, which the view need not know."""
    row = company.store.held([record_id])[record_id].rows[0]
    position = company.next_position()
    company.store.write([Version(record_id, position, (replace(row, label=label.id, position=position),), 1)])
    return shown(company, record_id)


def deleted(company: Any, record_id: str) -> None:
    company.store.write([Version(record_id, company.next_position(), (), 1)])


class ListLog:
    """A `Log` of two partitions; `forgotten` of each are no longer kept."""

    def __init__(self) -> None:
        self.partitions: dict[int, list[Update]] = {0: [], 1: []}
        self.forgotten = 0

    def publish(self, *updates: Update, partition: int = 0) -> None:
        self.partitions[partition].extend(updates)

    def end(self) -> dict[int, int]:
        return {number: len(updates) for number, updates in self.partitions.items()}

    def read(self, places: Places, most: int) -> Read:
        found, then = list[Placed](), dict[int, int]()
        for number, updates in self.partitions.items():
            begin = places.get(number, 0)
            if begin < self.forgotten or begin > len(updates):
                raise CursorExpired()
            part: Sequence[Update] = updates[begin : begin + most]
            found += [Placed(number, begin + at, update) for at, update in enumerate(part)]
            then[number] = begin + len(part)
        return Read(found, then)
