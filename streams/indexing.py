"""Indexing: a batch of changes becomes new record versions in the index. Blocking; run off the event loop.

dedupe (newest per record, none older than the index) ▸ chunk ▸ embed what is new ▸ keep the past (where a source's
contract asks for it) ▸ upsert.
"""

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from index.chunk import chunk, clip, embedding_text
from index.embedder import Embedder
from index.errors import TextTooLong, UnusableText
from index.store import ChunkStore, Held, Vector, Version
from schemas.change import Change
from schemas.errors import Rejected
from schemas.update import Update
from streams.ahead import Ahead
from streams.draft import Draft, Passages, draft, newest_per_record, text_hash
from streams.early_labels import EarlyLabels
from streams.historian import Historian
from streams.remembered import Remembered
from streams.updates import news

TRUSTED_FOR = 1.0
"""Seconds for which what was read of the index is taken as still so when writing."""
CUTS_REMEMBERED = 32 * 1024 * 1024
"""Bytes of texts and passages at hand: of the batch that is written, and of the next ones, which were foreseen."""
TITLE_SHARE = 4
"""A title takes at most one part in so many of the tokens the model reads."""


@dataclass(slots=True)
class Indexed:
    """What became of a batch. `embedded` counts texts the model saw; `outdated` what a newer version made void.

    `updates`: what who waits for news is to be told, perhaps again: see `streams.updates`. `embedded_ms`: when all the
    vectors were there, milliseconds since 1970, UTC; None where nothing was to be written.
    """

    written: int = 0
    embedded: int = 0
    outdated: int = 0
    rejected: list[tuple[Change, Rejected]] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    embedded_ms: int | None = None


class Indexer:
    """Applies batches. Idempotent: applying a batch again, or one that overlaps it, changes nothing.

    `clock` gives seconds that go on while the process is stopped (monotonic). `historian` keeps what is superseded.
    """

    def __init__(
        self,
        store: ChunkStore,
        embedder: Embedder,
        clock: Callable[[], float] = time.monotonic,
        historian: Historian | None = None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._now_ms = now_ms
        self._historian = historian
        self._ahead = Ahead(embedder)
        self._passages = passages_of(embedder)
        self._clock = clock
        self._early = EarlyLabels()

    def apply(self, changes: Sequence[Change]) -> Indexed:
        """Apply a batch in its order. Raises IndexUnavailable when the store is away; then nothing counts as done."""
        done = Indexed()
        for kind, group in groupby(changes, key=_kind):
            if kind == "truncate":
                for change in group:
                    if self._historian:
                        self._historian.truncate(change)
                    self._store.truncate(change.source, change.table, change.position)
            elif kind == "content":
                self._apply(self._early.placed(list(group)), done)
            else:
                self._apply(list(group), done)
        return done

    def foresee(self, changes: Sequence[Change]) -> None:
        """Embed what `apply` of these will need, while another thread applies those before. Changes nothing else.

        What the index holds may change until then; so may what is needed, and then some of it was in vain. Raises as
        `apply` does.
        """
        newest = newest_per_record(change for change in changes if _kind(change) == "content")
        held = self._store.held(list(newest))
        drafts = self._drafts(self._current(newest.values(), held, Indexed()), held, Indexed())
        self._ahead.foresee(list(_missing(drafts, _held_vectors(drafts)).values()))

    def _apply(self, changes: Sequence[Change], done: Indexed) -> None:
        if not changes:
            return
        rejected_before = len(done.rejected)
        newest = newest_per_record(changes)
        done.outdated += len(changes) - len(newest)
        read_at = self._clock()
        held = self._store.held(list(newest))
        self._early.note([change for change in newest.values() if change.op == "relabel"], held)
        current = self._current(newest.values(), held, done)
        drafts = self._drafts(current, held, done)
        vectors = self._vectors(drafts, done)
        passing = self._historian.passing(changes, drafts, self._passages) if self._historian else []
        vectors = self._vectors(passing, Indexed(), vectors) if passing else vectors
        done.embedded_ms = self._now_ms()
        if self._clock() - read_at > TRUSTED_FOR:
            drafts = self._redrafted(drafts, done)
            vectors |= _held_vectors(drafts)
        if self._historian:
            self._historian.keep(drafts, passing, vectors)
        self._write([(d.change, d.finished(vectors)) for d in drafts], done)
        done.updates += news(changes, drafts, {id(change) for change, _ in done.rejected[rejected_before:]})
        fresh = sorted({change.record_id for change in changes if change.fresh})
        if fresh:
            self._store.sweep(fresh)
        self._relabel([change for change, _ in done.rejected[rejected_before:]], done)

    def _relabel(self, rejected: Sequence[Change], done: Indexed) -> None:
        """The content of these cannot be used, but who may see them is known: what the index holds gets their label."""
        relabels = [
            c.model_copy(update={"op": "relabel"}) for c in rejected if c.op == "upsert" and c.label is not None
        ]
        if relabels:
            self._apply(relabels, done)

    def _redrafted(self, drafts: Sequence[Draft], done: Indexed) -> list[Draft]:
        """Look at the index again: embedding took long, or this process was stopped and another does its work now."""
        held = self._store.held([d.change.record_id for d in drafts])
        current = {c.record_id for c in self._current([d.change for d in drafts], held, done)}
        again = [(d, held[d.change.record_id]) for d in drafts if d.change.record_id in current]
        return [
            draft(d.change, h, self._passages) if _kind(d.change) == "relabel" else replace(d, held=h) for d, h in again
        ]

    def _current(self, changes: Iterable[Change], held: Mapping[str, Held], done: Indexed) -> list[Change]:
        """Those the index does not hold a newer version of."""
        changes = list(changes)
        current = [change for change in changes if change.position >= held[change.record_id].position]
        done.outdated += len(changes) - len(current)
        return current

    def _drafts(self, changes: Sequence[Change], held: dict[str, Held], done: Indexed) -> list[Draft]:
        drafts = []
        for change in changes:
            try:
                drafts.append(draft(change, held[change.record_id], self._passages))
            except Rejected as rejected:
                done.rejected.append((change, rejected))
        return drafts

    def _vectors(self, drafts: list[Draft], done: Indexed, known: dict[str, Vector] | None = None) -> dict[str, Vector]:
        """Text hash -> vector: those the index holds of these records, or `known`, and new ones for every other text.

        A draft with a text that the model does not take is rejected and leaves `drafts`.
        """
        known = _held_vectors(drafts) if known is None else known
        while True:
            missing = _missing(drafts, known)
            try:
                new = self._ahead.embed(list(missing.values()))
            except (UnusableText, TextTooLong) as error:
                unusable = list(missing.values())[error.index]
                rejected = Rejected("malformed_event", f"the text cannot be embedded: {error}")
                done.rejected += [(d.change, rejected) for d in drafts if unusable in d.texts]
                drafts[:] = [d for d in drafts if unusable not in d.texts]
                continue
            done.embedded += self._ahead.seen()
            return known | dict(zip(missing, new, strict=True))

    def _write(self, versions: Sequence[tuple[Change, Version]], done: Indexed) -> None:
        """Write all at once; if the store refuses the content, one by one, to set aside only what it refuses."""
        try:
            self._store.write([version for _, version in versions])
            done.written += len(versions)
        except Rejected as rejected:
            if len(versions) == 1:
                done.rejected.append((versions[0][0], rejected))
                return
            for one in versions:
                self._write([one], done)


def passages_of(embedder: Embedder) -> Passages:
    """How texts are cut for an embedder: see `index.chunk`."""
    count, limit = embedder.count_tokens, embedder.spec.max_tokens
    remembered = Remembered[tuple[str, str], Sequence[tuple[str, str]]](CUTS_REMEMBERED)

    def passages(title: str, text: str) -> Sequence[tuple[str, str]]:
        cut = remembered.get((title, text))
        if cut is None:
            short = clip(title, count, limit // TITLE_SHARE)
            cut = [(part, embedding_text(short, part)) for part in chunk(text, count, limit, title=short)]
            strings = title, text, *(string for passage in cut for string in passage)
            remembered.put((title, text), cut, sum(map(sys.getsizeof, strings)))
        return cut

    return passages


def _kind(change: Change) -> str:
    """What may not share a step: a relabel takes its content from the index, as the changes before it left it."""
    return change.op if change.op in ("truncate", "relabel") else "content"


def _missing(drafts: Sequence[Draft], known: Mapping[str, Vector]) -> dict[str, str]:
    """Text hash -> text, of all that has no vector yet."""
    return {text_hash(text): text for d in drafts for text in d.texts if text_hash(text) not in known}


def _held_vectors(drafts: Sequence[Draft]) -> dict[str, Vector]:
    """Text hash -> vector, of all the index holds of these records; without those that a repair does not believe."""
    doubted = {text_hash(text) for d in drafts if d.change.fresh for text in d.texts}
    return {row.text_hash: row.vector for d in drafts for row in d.held.rows if row.text_hash not in doubted}
