"""Which rows of a Milvus Lite collection count: the newest of each key, unless it was deleted.

Milvus Lite finds out in each search, row by row. Here it is remembered by the engine's own objects, and so for as long
as the collection is there: with its tombstones which of the flushed rows count, until something is flushed or
compacted; with its memtable what is not flushed yet, until the next write.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

T = TypeVar("T")
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
_turn = threading.Lock()


@dataclass(frozen=True, slots=True)
class Newest:
    """Of the rows in the segments, numbered through all of them.

    `starts`: the first row of each segment; `place`: key -> its row that counts; `norms`: of the vectors, by segment.
    """

    segments: Sequence[Any]
    starts: list[int]
    counts: Mask
    place: dict[Any, int]
    norms: list[Floats]

    @classmethod
    def of(cls, segments: Sequence[Any], gone: Mapping[Any, int], before: "Newest | None" = None) -> "Newest":
        """`gone`: key -> when it was last deleted. `before`: what was so for an earlier state of the same collection;
        what is the same in it is taken over."""
        newest: dict[Any, tuple[int, int]] = {}
        starts, total = [], 0
        for segment in segments:
            starts.append(total)
            for number, (key, seq) in enumerate(zip(segment.pks, segment.seqs.tolist(), strict=True), total):
                if newest.get(key, (-1, 0))[0] < seq:
                    newest[key] = (seq, number)
            total += len(segment.pks)
        place = {key: number for key, (seq, number) in newest.items() if gone.get(key, -1) <= seq}
        counts = np.zeros(total, dtype=bool)
        counts[list(place.values())] = True
        known = (
            {id(segment): norms for segment, norms in zip(before.segments, before.norms, strict=True)} if before else {}
        )
        norms = [known[id(s)] if id(s) in known else np.linalg.norm(s.vectors, axis=1) for s in segments]
        return cls(segments, starts, counts, place, norms)

    def is_of(self, segments: Sequence[Any]) -> bool:
        same = len(segments) == len(self.segments)
        return same and all(one is other for one, other in zip(segments, self.segments, strict=True))

    def without(self, gone: Sequence[Any]) -> Mask:
        """The rows that count, but for those of these keys."""
        found = [self.place[key] for key in gone if key in self.place]
        if not found:
            return self.counts
        left = self.counts.copy()
        left[found] = False
        return left


@dataclass(frozen=True, slots=True)
class Unflushed:
    """The rows in no segment yet (`table` is None without any), and the keys whose flushed rows do not count."""

    table: Any
    vectors: Floats
    norms: Floats
    gone: Sequence[Any]

    @classmethod
    def of(cls, memtable: Any, field: str) -> "Unflushed":
        with memtable._lock:
            places, deleted = list(memtable._pk_index.items()), dict(memtable._delete_index)
            batches = tuple(memtable._insert_batches)
        gone = [*deleted, *(key for key, _ in places)]
        live = [at for key, at in places if key not in deleted or deleted[key][0] <= at[2]]
        if not live:
            nothing = np.zeros(0, dtype=np.float32)
            return cls(None, nothing, nothing, gone)
        starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
        numbers = pa.array([int(starts[batch]) + row for batch, row, _ in live], type=pa.int64())
        table = pa.Table.from_batches(batches).take(numbers).drop(["_partition"])
        vectors = vectors_of(table.column(field))
        return cls(table, vectors, np.linalg.norm(vectors, axis=1), gone)


def newest_of(segments: Sequence[Any], deleted: Any) -> Newest:
    """Of one collection's segments and its frozen tombstones. Both never change: another state has other objects."""
    with _turn:
        known: Newest | None = getattr(deleted, "_newest", None)
        if known is None or not known.is_of(segments):
            before = known or getattr(deleted, "_newest_before", None)
            known = deleted._newest = Newest.of(segments, deleted.snapshot, before)
            deleted._newest_before = None  # else segments that were compacted away would stay in memory
        return known


def unflushed_of(memtable: Any, field: str) -> Unflushed:
    """What a memtable holds now."""
    return _of_this_state(memtable, f"_unflushed_{field}", partial(Unflushed.of, memtable, field))


def remember_states(deltas: Any, memtables: Any) -> None:
    """Change both classes, so that what was made of an object is made again after each change, and not before.

    Tombstones are frozen once a state, not once a read, and what is known of them is handed on to the next frozen copy.
    """
    copy = deltas.frozen_copy

    def frozen_copy(self: Any) -> Any:
        def freeze() -> Any:
            _, last = getattr(self, "_frozen", (None, None))
            frozen = copy(self)
            frozen._newest_before = getattr(last, "_newest", None) or getattr(last, "_newest_before", None)
            return frozen

        return _of_this_state(self, "_frozen", freeze)

    deltas.frozen_copy = frozen_copy
    for kind, changes in ((deltas, ("add_batch", "gc_below")), (memtables, ("apply_insert", "apply_delete"))):
        for change in changes:
            setattr(kind, change, _telling(getattr(kind, change)))


def _telling(change: Callable[..., T]) -> Callable[..., T]:
    """The object is in another state from the beginning of the change on, and in yet another one after it."""

    def changed(self: Any, *given: Any) -> T:
        self._state = object()
        try:
            return change(self, *given)
        finally:
            self._state = object()

    return changed


def _of_this_state(thing: Any, name: str, make: Callable[[], T]) -> T:
    state = getattr(thing, "_state", None)
    known: tuple[Any, T | None] = getattr(thing, name, (thing, None))
    if known[1] is None or known[0] is not state:
        # Named by the state before: what was made during a change is not used after it.
        known = (state, make())
        setattr(thing, name, known)
    made = known[1]
    assert made is not None
    return made


def vectors_of(column: Any) -> Floats:
    """Of a column that holds one for each row."""
    values = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    vectors: Floats = np.concatenate(values).astype(np.float32, copy=False).reshape(len(column), -1)
    return vectors
