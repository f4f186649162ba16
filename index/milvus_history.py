"""The history in Milvus: a third collection beside the two of a generation, made when a contract first asks for it.

Since when a source's versions are known stands in the collection's properties, one for each claim, as several writers
may claim at the same time; the latest counts, and whoever adds one removes those before it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pymilvus import MilvusClient

from index.embedder import ModelSpec
from index.history import Superseded
from index.milvus import READ_PAGE, STRONG, WRITE_PAGE, expression, found_by_words, found_of
from index.milvus_client import MilvusConnection, before, one_of
from index.milvus_generations import describe
from index.milvus_schema import CHUNK_FIELDS, WORDS, Names, make_history, to_entity
from index.store import Found, Vector, Within, chunk_id
from index.words import COUNTED, Weights, question_words, weighed
from schemas.access import AccessFilter
from schemas.label import LabelId
from schemas.position import Position

T = TypeVar("T")

SINCE = "freshline.since."
"""Before `<source>.<milliseconds>`, in the name of a property."""
ENDED = 253_402_300_799_999
"""Claimed while all that is kept of a source is being removed: so a crash then is made good by the next `end`."""
EXPIRED_AT_ONCE = 10_000
"""Rows that one call of `expire` removes, at most."""
_SHOWN = [name for name in CHUNK_FIELDS if name != "vector"]


class MilvusHistory:
    """See `index.history`. Before `prepare` has made the collection there is nothing to search, and nothing is kept."""

    def __init__(self, uri: str, token: str, names: Names, timeout: float = 10.0) -> None:
        self._milvus = MilvusConnection(uri, token, timeout)
        self._names, self._timeout = names, timeout

    def prepare(self, spec: ModelSpec) -> None:
        """Make the collection if there is none. Idempotent; safe beside others that do the same."""
        self._milvus.call(lambda client: make_history(client, self._names, spec))

    def drop(self) -> None:
        """Remove it with all it holds and claims. Idempotent."""
        self._milvus.call(lambda client: client.drop_collection(self._names.history))

    def since(self) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for source, since_ms in self._claims():
            found[source] = max(since_ms, found.get(source, since_ms))
        return found

    def begin(self, source: str, since_ms: int) -> None:
        name = self._names.history
        claim = {f"{SINCE}{source}.{since_ms}": "1"}
        self._milvus.call(lambda client: client.alter_collection_properties(name, claim))
        latest = self.since().get(source, since_ms)
        self._unclaim(source, [ms for known, ms in self._claims() if known == source and ms < latest])

    def end(self, source: str) -> None:
        self.begin(source, ENDED)
        self._remove(one_of("source", [source]))
        self._unclaim(source, [ENDED])

    def keep(self, rows: Sequence[Superseded]) -> None:
        entities = [{**to_entity(one.row), "version_id": one.version_id, "until_ms": one.until_ms} for one in rows]
        self._put(entities)

    def relabel(self, labels: Mapping[str, LabelId]) -> None:
        for page in _pages(list(labels), READ_PAGE):
            by_label: dict[LabelId, list[str]] = {}
            for record_id in page:
                by_label.setdefault(labels[record_id], []).append(record_id)
            others = [f"({one_of('record_id', ids)} and label != {int(label)})" for label, ids in by_label.items()]
            fields = ["version_id", "record_id"]
            while found := self._query(self._names.history, " or ".join(others), fields, READ_PAGE):
                # What has its new label is not found again.
                self._put([{"version_id": one["version_id"], "label": labels[one["record_id"]]} for one in found], True)

    def forget(self, record_ids: Sequence[str]) -> None:
        for page in _pages(record_ids, READ_PAGE):
            self._remove(one_of("record_id", page))

    def truncate(self, source: str, table: str, position: Position) -> None:
        older = f"{one_of('source', [source])} and {one_of('table', [table])} and {before('position', position)}"
        self._remove(older)

    def expire(self, source: str, before_ms: int) -> None:
        old = f"{one_of('source', [source])} and until_ms < {int(before_ms)}"
        found = self._query(self._names.history, old, ["version_id"], EXPIRED_AT_ONCE)
        for page in _pages([one["version_id"] for one in found], READ_PAGE):
            self._remove(one_of("version_id", page))

    def search(self, vector: Vector, access: AccessFilter, limit: int, within: Within) -> list[Found]:
        if access.empty:
            return []
        return found_of(self._search("vector", [vector.tolist()], _current(access, within), limit)[0])

    def weigh_words(self, text: str, access: AccessFilter, within: Within) -> Weights:
        words = question_words(text)
        if access.empty or not words:
            return {}
        found = self._search(WORDS, [{word: 1.0} for word in words], _current(access, within), COUNTED, ["version_id"])
        return weighed({word: len(hits) for word, hits in zip(words, found, strict=True)})

    def search_words(self, words: Weights, access: AccessFilter, limit: int, within: Within) -> list[Found]:
        if access.empty or not words:
            return []
        return found_by_words(self._search(WORDS, [dict(words)], _current(access, within), limit)[0])

    def labels_now(self, record_ids: Sequence[str]) -> dict[str, LabelId]:
        heads = [chunk_id(record_id, 0) for record_id in record_ids]
        found: dict[str, LabelId] = {}
        for page in _pages(heads, READ_PAGE):
            for one in self._query(self._names.chunks, one_of("chunk_id", page), ["record_id", "label"]):
                found[one["record_id"]] = LabelId(int(one["label"]))
        return found

    def _claims(self) -> list[tuple[str, int]]:
        found = self._milvus.call(lambda client: describe(client, self._names.history, self._timeout))
        properties = (found or {}).get("properties", {})
        named = [name.removeprefix(SINCE).rpartition(".") for name in properties if name.startswith(SINCE)]
        return [(source, int(since_ms)) for source, _, since_ms in named]

    def _unclaim(self, source: str, claims: Sequence[int]) -> None:
        named = [f"{SINCE}{source}.{since_ms}" for since_ms in claims]
        if named:
            self._milvus.call(lambda client: client.drop_collection_properties(self._names.history, named))

    def _search(
        self, field: str, data: list[Any], filter_: str, limit: int, fields: Sequence[str] = tuple(_SHOWN)
    ) -> list[Any]:
        found: list[Any] = self._milvus.call(
            lambda client: client.search(
                self._names.history,
                data=data,
                anns_field=field,
                filter=filter_,
                limit=limit,
                output_fields=list(fields),
                consistency_level=STRONG,
                timeout=self._timeout,
            )
        )
        return found

    def _query(self, collection: str, chosen: str, fields: list[str], limit: int = READ_PAGE) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._milvus.call(
            lambda client: client.query(
                collection,
                filter=chosen,
                output_fields=fields,
                limit=limit,
                consistency_level=STRONG,
                timeout=self._timeout,
            )
        )
        return found

    def _put(self, entities: Sequence[dict[str, Any]], partial: bool = False) -> None:
        for page in _pages(entities, WRITE_PAGE):

            def put(client: MilvusClient, page: list[dict[str, Any]] = page) -> None:
                client.upsert(self._names.history, page, partial_update=partial, timeout=self._timeout)

            self._milvus.write(put)

    def _remove(self, chosen: str) -> None:
        self._milvus.call(lambda client: client.delete(self._names.history, filter=chosen, timeout=self._timeout))


def _current(access: AccessFilter, within: Within) -> str:
    """The predicate for what was current at `within.committed_by`."""
    assert within.committed_by is not None
    return f"{expression(access, within)} and until_ms > {int(within.committed_by)}"


def _pages(items: Sequence[T], size: int) -> list[list[T]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
