"""Stage 4, draft: a change becomes the rows it shall have in the index, all but their vectors. Pure."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from index.milvus_schema import oversized
from index.store import Held, Row, Vector, Version
from schemas.change import Change
from schemas.errors import Rejected

Passages = Callable[[str, str], Sequence[tuple[str, str]]]
"""(title, text) -> passages of the text; each as it is shown, and as it is embedded, with as much title as fits."""

NO_VECTOR: Vector = np.empty(0, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Draft:
    """A record version whose rows lack their vectors; `texts` is what to embed, one for each row."""

    change: Change
    rows: tuple[Row, ...]
    texts: tuple[str, ...]
    held: Held

    def finished(self, vectors: dict[str, Vector]) -> Version:
        """The version to write; `vectors` maps text hashes to vectors."""
        rows = tuple(replace(row, vector=vectors[row.text_hash]) for row in self.rows)
        return Version(self.change.record_id, self.change.position, rows, self.held.chunks)


def newest_per_record(changes: Iterable[Change]) -> dict[str, Change]:
    """The change with the highest position of each record; of equals the last."""
    newest: dict[str, Change] = {}
    for change in changes:
        known = newest.get(change.record_id)
        if known is None or change.position >= known.position:
            newest[change.record_id] = change
    return newest


def draft(change: Change, held: Held, passages: Passages) -> Draft:
    """Chunk a change. A delete, or a record without any text, has no rows.

    Raises Rejected for what the index cannot take: no label, a field over its limit.
    """
    if change.op == "delete":
        return Draft(change, (), (), held)
    if change.label is None:
        raise Rejected("no_permission", "the change has no permission label")
    if change.op == "relabel":
        rows = tuple(replace(row, label=change.label, position=change.position) for row in held.rows)
        return Draft(change, rows, (), held)
    title, body = (change.title, change.text) if change.text else ("", change.title)
    parts = passages(title, body) if body else ()
    rows = tuple(_row(change, n, len(parts), *parts[n]) for n in range(len(parts)))
    for row in rows:
        problem = oversized(row)
        if problem:
            raise Rejected("text_too_large", problem)
    return Draft(change, rows, tuple(embedded for _, embedded in parts), held)


def text_hash(text: str) -> str:
    """Names a text to embed: equal text, equal vector (one index has one model)."""
    return hashlib.sha256(text.encode()).hexdigest()


def _row(change: Change, number: int, chunks: int, text: str, embedded: str) -> Row:
    assert change.label is not None
    return Row(
        record_id=change.record_id,
        source=change.source,
        table=change.table,
        key=json.dumps(change.key, ensure_ascii=False),
        position=change.position,
        label=change.label,
        commit_ms=change.commit_ms,
        event_ms=change.event_ms,
        chunk=number,
        chunks=chunks,
        title=change.title,
        text=text,
        url=change.url,
        metadata=json.dumps(change.metadata, ensure_ascii=False),
        text_hash=text_hash(embedded),
        vector=NO_VECTOR,
    )
