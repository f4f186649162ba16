"""The index in Milvus: Milvus Lite behind our launcher, or a Milvus server, by URI and token.

Two collections a generation (`index.generations`): one has a row a chunk; the other remembers the position at which a
record was deleted, or its whole table emptied, so that an older version seen again is not brought back. Crash safety
without transactions: a record's head (chunk 0) always tells of at least as many chunks as the record has in the index.
So a growing record's head is written first, a shrinking one's last, and a write repeated after a crash finds and
completes what it left.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from index.milvus_client import MilvusConnection, before, one_of
from index.milvus_generations import live_number
from index.milvus_schema import CHUNK_FIELDS, MARK_FIELDS, WORDS, Names, from_entity, has_words, to_entity, to_mark
from index.store import EVERYTHING, Found, Held, Mark, Row, Vector, Version, Within, chunk_id
from index.words import COUNTED, Weights, question_words, weighed
from schemas.access import AccessFilter
from schemas.change import table_id, table_of
from schemas.errors import IndexUnavailable, KeywordsUnavailable
from schemas.position import NOWHERE, Position

STRONG = "Strong"
"""Reads see every acknowledged write: a permission or a deletion may be at stake."""
READ_PAGE = 500
WRITE_PAGE = 150
"""Rows in one call: even of the largest rows (about 0.35 MB) so many stay under the 64 MB of a message."""
STRAYS_PAGE = 50
"""Records whose chunks are looked for by a scan; all of them come in one answer, of at most 16,384 rows."""
_SHOWN = [name for name in CHUNK_FIELDS if name not in ("chunk_id", "vector")]


class MilvusStore:
    """See `index.store.ChunkStore`. Connects on first use, and again after the server was away."""

    def __init__(self, uri: str, token: str, index: str, timeout: float = 10.0, generation: int | None = None) -> None:
        self._milvus = MilvusConnection(uri, token, timeout)
        self._timeout = timeout
        self._index = index
        self._names = None if generation is None else Names(index, generation)
        self._words: bool | None = None

    @property
    def names(self) -> Names:
        """The collections of the given generation, or else of the one that was live at first use."""
        if self._names is None:
            live = self._milvus.call(lambda client: live_number(client, self._index, self._timeout))
            if live is None:
                raise IndexUnavailable(f"there is no index {self._index!r} yet: a worker of the stream job makes it")
            self._names = Names(self._index, live)
        return self._names

    def held(self, record_ids: Sequence[str]) -> dict[str, Held]:
        heads = self._rows(chunk_id(record_id, 0) for record_id in record_ids)
        tails = self._rows(chunk_id(row.record_id, n) for row in heads for n in range(1, row.chunks))
        rows: dict[str, list[Row]] = {}
        for row in (*heads, *tails):
            rows.setdefault(row.record_id, []).append(row)
        deleted = self._deleted([*record_ids, *{table_of(record_id) for record_id in record_ids}])
        floor = {r: max(deleted.get(name, NOWHERE) for name in (r, table_of(r))) for r in record_ids}
        return {record_id: _held(rows.get(record_id, []), floor[record_id]) for record_id in record_ids}

    def head(self, record_id: str) -> Row | None:
        return next(iter(self._rows([chunk_id(record_id, 0)])), None)

    def write(self, versions: Sequence[Version]) -> None:
        kept = [v for v in versions if v.rows]
        gone = [v for v in versions if not v.rows]
        growing = [v for v in kept if len(v.rows) >= v.chunks_before]
        shrinking = [v for v in kept if len(v.rows) < v.chunks_before]
        self._bury(gone)
        self._upsert([v.rows[0] for v in growing])
        self._upsert([row for v in kept for row in v.rows[1:]])
        self._delete(chunk_id(v.record_id, n) for v in versions for n in range(max(1, len(v.rows)), v.chunks_before))
        self._upsert([v.rows[0] for v in shrinking])
        self._delete(chunk_id(v.record_id, 0) for v in gone if v.chunks_before)

    def truncate(self, source: str, table: str, position: Position) -> None:
        name = table_id(source, table)
        if position > self._deleted([name]).get(name, NOWHERE):
            self._put(self.names.deleted, [_tombstone(name, position)])
        older = f"{one_of('source', [source])} and {one_of('table', [table])} and {before('position', position)}"
        self._milvus.call(lambda client: client.delete(self.names.chunks, filter=older, timeout=self._timeout))

    def search(self, vector: Vector, access: AccessFilter, limit: int, within: Within = EVERYTHING) -> list[Found]:
        if access.empty:
            return []
        return found_of(self._search("vector", [vector.tolist()], expression(access, within), limit, _SHOWN)[0])

    def weigh_words(self, text: str, access: AccessFilter) -> Weights:
        self._require_words()
        words = question_words(text)
        if access.empty or not words:
            return {}
        alone: list[Weights] = [{word: 1.0} for word in words]
        found = self._search(WORDS, alone, expression(access), COUNTED, ["chunk_id"])
        return weighed({word: len(hits) for word, hits in zip(words, found, strict=True)})

    def search_words(
        self, words: Weights, access: AccessFilter, limit: int, within: Within = EVERYTHING
    ) -> list[Found]:
        self._require_words()
        if access.empty or not words:
            return []
        return found_by_words(self._search(WORDS, [dict(words)], expression(access, within), limit, _SHOWN)[0])

    def _search(self, field: str, data: list[Any], filter_: str, limit: int, fields: list[str]) -> list[Any]:
        """Hits for each of `data`, best first."""
        found: list[Any] = self._milvus.call(
            lambda client: client.search(
                self.names.chunks,
                data=data,
                anns_field=field,
                filter=filter_,
                limit=limit,
                output_fields=fields,
                consistency_level=STRONG,
                timeout=self._timeout,
            )
        )
        return found

    @property
    def _has_words(self) -> bool:
        if self._words is None:
            self._words = self._milvus.call(lambda client: has_words(client, self.names.chunks, self._timeout))
        return self._words

    def _require_words(self) -> None:
        if not self._has_words:
            raise KeywordsUnavailable()

    def count(self, source: str) -> int:
        heads = f"chunk == 0 and {one_of('source', [source])}"
        return int(self._query(self.names.chunks, heads, ["count(*)"])[0]["count(*)"])

    def sweep(self, record_ids: Sequence[str]) -> None:
        self._delete(mark.chunk_id for marks in self.strays(record_ids).values() for mark in marks)

    def marks(self, source: str, table: str | None = None) -> Iterator[Sequence[Mark]]:
        chosen = one_of("source", [source]) + (f" and {one_of('table', [table])}" if table is not None else "")
        pages = self._milvus.call(
            lambda client: client.query_iterator(
                self.names.chunks,
                batch_size=READ_PAGE,
                filter=chosen,
                output_fields=MARK_FIELDS,
                consistency_level=STRONG,
                timeout=self._timeout,
            )
        )
        while page := self._milvus.call(lambda _: pages.next()):
            yield [to_mark(entity) for entity in page]
        pages.close()

    def strays(self, record_ids: Sequence[str]) -> dict[str, list[Mark]]:
        found: dict[str, list[Mark]] = {}
        for start in range(0, len(record_ids), STRAYS_PAGE):
            named = one_of("record_id", record_ids[start : start + STRAYS_PAGE])
            marks = [to_mark(entity) for entity in self._query(self.names.chunks, named, MARK_FIELDS)]
            heads = {mark.record_id: mark for mark in marks if mark.is_head}
            for mark in marks:
                if mark.record_id not in heads or not heads[mark.record_id].tells_of(mark):
                    found.setdefault(mark.record_id, []).append(mark)
        return found

    def _rows(self, chunk_ids: Iterable[str]) -> list[Row]:
        return [from_entity(entity) for entity in self._get("chunk_id", list(chunk_ids), CHUNK_FIELDS)]

    def _deleted(self, record_ids: Sequence[str]) -> dict[str, Position]:
        found = self._get("record_id", list(record_ids), ["record_id", "position"])
        return {entity["record_id"]: Position(entity["position"]) for entity in found}

    def _get(self, key: str, ids: list[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        collection = self.names.chunks if key == "chunk_id" else self.names.deleted
        pages = [ids[start : start + READ_PAGE] for start in range(0, len(ids), READ_PAGE)]
        return [entity for page in pages for entity in self._query(collection, one_of(key, page), fields)]

    def _query(self, collection: str, filter_: str, fields: Sequence[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._milvus.call(
            lambda client: client.query(
                collection,
                filter=filter_,
                output_fields=list(fields),
                consistency_level=STRONG,
                timeout=self._timeout,
            )
        )
        return found

    def _bury(self, gone: Sequence[Version]) -> None:
        self._put(self.names.deleted, [_tombstone(v.record_id, v.position) for v in gone])

    def _upsert(self, rows: Sequence[Row]) -> None:
        if rows:
            self._put(self.names.chunks, [to_entity(row, self._has_words) for row in rows])

    def _put(self, collection: str, entities: Sequence[dict[str, Any]]) -> None:
        for start in range(0, len(entities), WRITE_PAGE):
            page = list(entities[start : start + WRITE_PAGE])
            self._milvus.write(
                lambda client, page=page: client.upsert(collection, page, timeout=self._timeout)  # type: ignore[misc]
            )

    def _delete(self, chunk_ids: Iterable[str]) -> None:
        ids = list(chunk_ids)
        for start in range(0, len(ids), READ_PAGE):
            chosen = one_of("chunk_id", ids[start : start + READ_PAGE])
            self._milvus.call(
                lambda client, chosen=chosen: client.delete(  # type: ignore[misc]
                    self.names.chunks, filter=chosen, timeout=self._timeout
                )
            )


def expression(access: AccessFilter, within: Within = EVERYTHING) -> str:
    """The Milvus predicate for what an asker may see, and for what of it is searched."""
    labels = ", ".join(str(int(label)) for label in sorted(access.labels))
    narrowed = [
        f"(not ({one_of('source', [source])}) or event_ms >= {int(at)})"
        for source, at in sorted(within.events_from.items())
        if source in access.sources
    ]
    if within.among is not None:
        narrowed.append(one_of("chunk_id", sorted(within.among)))
    if within.committed_by is not None:
        narrowed.append(f"commit_ms <= {int(within.committed_by)}")
    return " and ".join([f"label in [{labels}]", one_of("source", sorted(access.sources)), *narrowed])


def found_of(hits: Iterable[Any]) -> list[Found]:
    return [Found(from_entity(hit["entity"]), float(hit["distance"])) for hit in hits]


def found_by_words(hits: Iterable[Any]) -> list[Found]:
    """As `found_of`. Milvus Lite gives inner products with their sign turned."""
    return [Found(one.row, abs(one.similarity)) for one in found_of(hits)]


def _tombstone(name: str, position: Position) -> dict[str, Any]:
    return {"record_id": name, "position": position, "unused": [0.0, 1.0]}


def _held(rows: Sequence[Row], deleted: Position) -> Held:
    ordered = tuple(sorted(rows, key=lambda row: row.chunk))
    return Held(max(ordered[0].position, deleted) if ordered else deleted, ordered)
