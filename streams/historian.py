"""Keeping the past: what newer versions are about to supersede goes to the history, before it leaves the index.

Every version counts, also one that comes and goes within a batch. What was deleted, was emptied with its table, or is
being repaired has no past: deleted means gone, and what a repair does not believe is not believed of the past either.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from index.history import HistoryWriter, Superseded
from index.store import Held, Row, Vector
from schemas.change import Change
from schemas.errors import Rejected
from schemas.label import LabelId
from schemas.position import is_read
from streams.draft import Draft, Passages, draft

MARGIN_MS = 10_000
"""A history begins so long after its first writer: by then no other writes any more that began before it, and clocks
that are not quite the same do not matter. Times at which a snapshot moves a beginning are rounded up to this."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Work:
    """What a batch means for the history."""

    forget: list[str] = field(default_factory=list)
    relabel: dict[str, LabelId] = field(default_factory=dict)
    keep: list[Superseded] = field(default_factory=list)
    begin: dict[str, int] = field(default_factory=dict)


class Historian:
    """Keeps the past of the sources in `retention_ms` (source -> how long), for one generation of the index."""

    def __init__(self, history: HistoryWriter, retention_ms: Mapping[str, int], now_ms: Callable[[], int]) -> None:
        self._history, self._retention, self._now_ms = history, dict(retention_ms), now_ms
        self._since: dict[str, int] = {}

    def tend(self) -> None:
        """Begin what is to be kept, end what is not, remove what is too old. To be called every minute or so."""
        self._since = dict(self._history.since())
        for source in self._since.keys() - self._retention.keys():
            self._history.end(source)
        now_ms = self._now_ms()
        for source, retention_ms in self._retention.items():
            if source not in self._since:
                self._begin(source, now_ms + MARGIN_MS)
            self._history.expire(source, now_ms - retention_ms)

    def truncate(self, change: Change) -> None:
        if change.source in self._retention:
            self._history.truncate(change.source, change.table, change.position)

    def passing(self, changes: Sequence[Change], drafts: Sequence[Draft], passages: Passages) -> list[Draft]:
        """Of a batch's content changes those that `drafts` (the newest of each record) supersede, in their order.

        One that the index would not have taken is left out: it never was current.
        """
        newest = {d.change.record_id: d for d in drafts if d.change.source in self._retention}
        found: list[Draft] = []
        for change in sorted(changes, key=lambda change: change.position):
            last = newest.get(change.record_id)
            if last is None or change is last.change or not last.held.position < change.position < last.change.position:
                continue
            try:
                found.append(draft(change, last.held, passages))
            except Rejected:
                continue
        return found

    def keep(self, drafts: Sequence[Draft], passing: Sequence[Draft], vectors: dict[str, Vector]) -> None:
        """Before `drafts` are written: keep what they supersede, and what has passed in between.

        `vectors` has those of all of them; what has passed and is without is left out. Idempotent.
        """
        work, between = _Work(), dict[str, list[Draft]]()
        for one in passing:
            if all(row.text_hash in vectors for row in one.rows):
                between.setdefault(one.change.record_id, []).append(one)
        for last in drafts:
            if last.change.source in self._retention:
                _note(work, last, between.get(last.change.record_id, ()), vectors)
        self._do(work)

    def _do(self, work: _Work) -> None:
        for source, since_ms in work.begin.items():
            self._begin(source, since_ms)
        if work.forget:
            self._history.forget(work.forget)
        if work.relabel:
            self._history.relabel(work.relabel)
        if work.keep:
            self._keep(work.keep)

    def _keep(self, rows: Sequence[Superseded]) -> None:
        try:
            self._history.keep(rows)
        except Rejected as rejected:
            if len(rows) == 1:
                log.warning("a version of %s cannot be kept: %s", rows[0].row.record_id, rejected)
                return
            for one in rows:
                self._keep([one])

    def _begin(self, source: str, since_ms: int) -> None:
        rounded = -(-since_ms // MARGIN_MS) * MARGIN_MS
        if rounded > self._since.get(source, -1):
            self._history.begin(source, rounded)
            self._since[source] = rounded


def _note(work: _Work, last: Draft, passing: Sequence[Draft], vectors: dict[str, Vector]) -> None:
    """What becomes of one record's past."""
    change, held = last.change, last.held
    _note_begin(work, last, held)
    if not last.rows or change.fresh:
        work.forget.append(change.record_id)
        return
    label = last.rows[0].label
    if held.rows and held.rows[0].label != label:
        work.relabel[change.record_id] = label
    if change.op == "relabel" or change.position <= held.position:
        return
    versions = [held.rows] if held.rows else []
    for one in passing:
        if one.change.position <= held.position:
            continue  # what was known of the index when it was drafted is out of date by now
        _note_begin(work, one, held)
        if not one.rows or one.change.fresh:
            work.forget.append(change.record_id)
            versions = []
        if one.rows:
            versions.append(one.finished(vectors).rows)
    for old, new in pairwise([*versions, last.rows]):
        if old[0].commit_ms < new[0].commit_ms:
            work.keep += [Superseded(replace(row, label=label), new[0].commit_ms) for row in old]


def _note_begin(work: _Work, one: Draft, held: Held) -> None:
    """Of what a snapshot read, and the index did not know, nobody can say since when it is so."""
    change = one.change
    if change.op == "upsert" and is_read(change.position) and not _same(one.rows, held):
        work.begin[change.source] = max(change.commit_ms, work.begin.get(change.source, 0))


def _same(rows: Sequence[Row], held: Held) -> bool:
    """Whether the index has the very same content."""
    return [_content(row) for row in rows] == [_content(row) for row in held.rows]


def _content(row: Row) -> tuple[str, ...]:
    return row.text_hash, row.title, row.text, row.url, row.metadata
