"""The last comparison: every row of the database against every record of the index. Code of its own, not `verify`."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.chaos.product import Seen
from infra.chaos.tables import Table
from schemas.label import Label

PAGE = 200
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Expected:
    """What the index must hold of a row."""

    label: int
    revision: int
    subject: str
    body: str


@dataclass(slots=True)
class Differences:
    """Each with what to look at."""

    lost: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    mislabelled: list[str] = field(default_factory=list)


def expected(rows: Iterable[tuple[Table, Mapping[str, Any]]]) -> dict[str, Expected]:
    """Record id -> what the index must hold, by the contract of tables.py."""
    found = {}
    for table, row in rows:
        readers = [f"team:{row['team']}#member"] + ([f"user:{row['owner']}"] if row["owner"] else [])
        denied = [f"user:{row['barred']}"] if row["barred"] else []
        label = Label(tenant=row["tenant"], readers=tuple(readers), denied=tuple(denied))
        name = table.record_id(tuple(row[column] for column in table.key))
        found[name] = Expected(label.id, row["rev"], row["subject"], row["body"])
    return found


def compare(wanted: Mapping[str, Expected], held: Mapping[str, Seen], searchable: int) -> Differences:
    """`held` is of every record that is or ever was; `searchable` is how many the index says it has."""
    found = Differences()
    for name, seen in held.items():
        row = wanted.get(name)
        if row is None and seen.present:
            found.extra.append(f"{name}: in the index at {seen.position}, not in the database")
        elif row is not None and not seen.present:
            found.lost.append(f"{name}: not in the index (tombstone {seen.deleted or 'none'}), revision {row.revision}")
        elif row is not None:
            _compare_one(name, row, seen, found)
    unknown = searchable - sum(seen.present for seen in held.values())
    if unknown:
        found.extra.append(f"the index counts {unknown} more records than are known")
    return found


def pages(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """Parts of a long list."""
    return (names[start : start + PAGE] for start in range(0, len(names), PAGE))


def _compare_one(name: str, row: Expected, seen: Seen, found: Differences) -> None:
    if seen.revisions != {row.revision}:
        found.stale.append(f"{name}: revision {sorted(seen.revisions)} at {seen.position}, should be {row.revision}")
    elif _letters("".join(seen.texts)) != _letters(row.body) or seen.titles != {row.subject}:
        found.stale.append(f"{name}: other text at {seen.position}, revision {row.revision}: {seen.texts!r:.200}")
    if seen.labels != {row.label}:
        found.mislabelled.append(f"{name}: label {sorted(seen.labels)} at {seen.position}, should be {row.label}")


def _letters(text: str) -> str:
    """The text but for space: chunks are cut at space, which is left out."""
    return _SPACE.sub("", text)
