"""The history in memory: a double of the one in Milvus for unit tests. It passes the same contract suite."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from index.history import Superseded
from index.memory import MemoryStore
from index.store import Found, Row, Vector, Within
from index.words import Weights
from schemas.access import AccessFilter
from schemas.change import table_id, table_of
from schemas.label import LabelId
from schemas.position import Position


class MemoryHistory:
    """Versions in a dict; `store` is the index that they were in. Searched as that is, a version at a time."""

    def __init__(self, store: MemoryStore) -> None:
        self.kept: dict[str, Superseded] = {}
        self._store = store
        self._since: dict[str, int] = {}

    def since(self) -> Mapping[str, int]:
        return dict(self._since)

    def begin(self, source: str, since_ms: int) -> None:
        self._since[source] = max(since_ms, self._since.get(source, since_ms))

    def end(self, source: str) -> None:
        self._since.pop(source, None)
        self._remove(lambda one: one.row.source == source)

    def keep(self, rows: Sequence[Superseded]) -> None:
        self.kept |= {one.version_id: one for one in rows}

    def relabel(self, labels: Mapping[str, LabelId]) -> None:
        for name, one in self.kept.items():
            label = labels.get(one.row.record_id, one.row.label)
            self.kept[name] = replace(one, row=replace(one.row, label=label))

    def forget(self, record_ids: Sequence[str]) -> None:
        self._remove(lambda one: one.row.record_id in record_ids)

    def truncate(self, source: str, table: str, position: Position) -> None:
        name = table_id(source, table)
        self._remove(lambda one: table_of(one.row.record_id) == name and one.row.position < position)

    def expire(self, source: str, before_ms: int) -> None:
        self._remove(lambda one: one.row.source == source and one.until_ms < before_ms)

    def search(self, vector: Vector, access: AccessFilter, limit: int, within: Within) -> list[Found]:
        return self._current(within).search(vector, access, limit, within)

    def weigh_words(self, text: str, access: AccessFilter, within: Within) -> Weights:
        return self._current(within).weigh_words(text, access)

    def search_words(self, words: Weights, access: AccessFilter, limit: int, within: Within) -> list[Found]:
        return self._current(within).search_words(words, access, limit, within)

    def labels_now(self, record_ids: Sequence[str]) -> dict[str, LabelId]:
        heads = (head for name in record_ids if (head := self._store.head(name)) is not None)
        return {head.record_id: head.label for head in heads}

    def _current(self, within: Within) -> MemoryStore:
        """An index of what was current at `within.committed_by`."""
        assert within.committed_by is not None
        then, rows = MemoryStore(), dict[str, list[Row]]()
        for one in list(self.kept.values()):
            if one.until_ms > within.committed_by:
                rows.setdefault(f"{one.row.record_id}@{one.row.commit_ms}", []).append(one.row)
        then.records = {name: tuple(each) for name, each in rows.items()}
        return then

    def _remove(self, which: Callable[[Superseded], bool]) -> None:
        self.kept = {name: one for name, one in self.kept.items() if not which(one)}
