"""Which record versions of a batch are news: what the index did not show before. Pure.

No news may be lost. A worker that dies between Milvus and Kafka leaves versions in the index that nobody was told of;
their changes are read again, and then the index already stands where they do. So a version at the very position of one
of the batch's changes is told of, again perhaps; a later version that says the same as the one before it is not.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Literal

from index.store import Row
from schemas.change import Change
from schemas.topics import UPDATES
from schemas.update import Update
from streams.draft import Draft
from streams.send import Message


def news(changes: Iterable[Change], drafts: Iterable[Draft], refused: Collection[int]) -> Iterator[Update]:
    """Of the drafts that were written. `changes`: all of the batch, also those that a newer one made void.

    `refused`: the `id()` of the changes that the store did not take.
    """
    positions: dict[str, set[str]] = {}
    for change in changes:
        positions.setdefault(change.record_id, set()).add(change.position)
    for draft in drafts:
        if draft.rows and id(draft.change) not in refused:
            kind = _kind(draft, is_repeated=draft.held.position in positions.get(draft.change.record_id, ()))
            if kind is not None:
                yield _update(draft.change, draft.rows[0], kind)


def update_messages(updates: Iterable[Update], begun_ms: int, embedded_ms: int | None) -> list[Message]:
    """Each version once, with the times of its batch."""
    times = {"begun_ms": begun_ms, "embedded_ms": embedded_ms}
    once = {(update.record_id, update.position): update.model_copy(update=times) for update in updates}
    return [Message.of(UPDATES, update.record_id, update) for update in once.values()]


def _kind(draft: Draft, *, is_repeated: bool) -> Literal["changed", "relabelled"] | None:
    held, rows = draft.held.rows, draft.rows
    if [_said(row) for row in held] != [_said(row) for row in rows]:
        return "changed"
    if [row.label for row in held] != [row.label for row in rows]:
        return "relabelled"
    return "changed" if is_repeated else None


def _said(row: Row) -> tuple[object, ...]:
    """All that an answer shows of a row, but for its position and commit time."""
    return row.chunk, row.text_hash, row.title, row.text, row.url, row.metadata, row.event_ms


def _update(change: Change, row: Row, kind: Literal["changed", "relabelled"]) -> Update:
    return Update(
        record_id=row.record_id,
        source=row.source,
        table=row.table,
        position=row.position,
        commit_ms=change.commit_ms,
        event_ms=row.event_ms,
        label=row.label,
        kind=kind,
    )
