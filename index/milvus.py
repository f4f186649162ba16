"""The index in Milvus: Milvus Lite behind our launcher, or a Milvus server, by URI and token.

Two collections: `<name>_chunks`, a row a chunk, and `<name>_deleted`, which remembers the position at which a record
was deleted, so that an older version seen again is not brought back. Crash safety without transactions: a record's
head (chunk 0) always tells of at least as many chunks as the record has in the index. So a growing record's head is
written first, a shrinking one's last, and a write repeated after a crash finds and completes what it left.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from pymilvus import MilvusClient
from pymilvus.exceptions import DataNotMatchException, MilvusException, ParamError

from index.embedder import ModelSpec
from index.milvus_schema import CHUNK_FIELDS, Names, ensure_collections, from_entity, to_entity
from index.store import Found, Held, Row, Vector, Version, chunk_id
from schemas.access import AccessFilter
from schemas.errors import IndexUnavailable, Rejected
from schemas.position import NOWHERE, Position

T = TypeVar("T")

STRONG = "Strong"
"""Reads see every acknowledged write: a permission or a deletion may be at stake."""
CONTENT_ERRORS = (DataNotMatchException, ParamError)
CONTENT_CODES = frozenset({1100})
"""Milvus's "invalid parameter". Any other failure may pass, so it is waited out, never dead-lettered."""
READ_PAGE = 500
_SHOWN = [name for name in CHUNK_FIELDS if name != "vector"]

logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # it logs each failure that it also raises


class MilvusStore:
    """See `index.store.ChunkStore`. Connects on first use, and again after the server was away."""

    def __init__(self, uri: str, token: str, name: str, timeout: float = 10.0) -> None:
        self._connect: Callable[[], MilvusClient] = lambda: MilvusClient(
            uri=uri, token=token, timeout=timeout
        )
        self._client: MilvusClient | None = None
        self._timeout = timeout
        self.names = Names(name)

    def open(self, spec: ModelSpec) -> None:
        """Create the collections where they are missing. Raises Misconfigured if they were made by another model."""
        self._call(lambda client: ensure_collections(client, self.names, spec))

    def held(self, record_ids: Sequence[str]) -> dict[str, Held]:
        heads = self._rows(chunk_id(record_id, 0) for record_id in record_ids)
        tails = self._rows(chunk_id(row.record_id, n) for row in heads for n in range(1, row.chunks))
        rows: dict[str, list[Row]] = {}
        for row in (*heads, *tails):
            rows.setdefault(row.record_id, []).append(row)
        deleted = self._deleted(record_ids)
        return {
            record_id: _held(rows.get(record_id, []), deleted.get(record_id, NOWHERE))
            for record_id in record_ids
        }

    def write(self, versions: Sequence[Version]) -> None:
        kept = [v for v in versions if v.rows]
        gone = [v for v in versions if not v.rows]
        growing = [v for v in kept if len(v.rows) >= v.chunks_before]
        shrinking = [v for v in kept if len(v.rows) < v.chunks_before]
        self._bury(gone)
        self._upsert([v.rows[0] for v in growing])
        self._upsert([row for v in kept for row in v.rows[1:]])
        self._delete(
            chunk_id(v.record_id, n) for v in versions for n in range(max(1, len(v.rows)), v.chunks_before)
        )
        self._upsert([v.rows[0] for v in shrinking])
        self._delete(chunk_id(v.record_id, 0) for v in gone if v.chunks_before)

    def search(self, vector: Vector, access: AccessFilter, limit: int) -> list[Found]:
        if access.empty:
            return []
        answer = self._call(
            lambda client: client.search(
                self.names.chunks,
                data=[vector.tolist()],
                anns_field="vector",
                filter=expression(access),
                limit=limit,
                output_fields=_SHOWN,
                consistency_level=STRONG,
                timeout=self._timeout,
            )
        )
        return [Found(from_entity(hit["entity"]), float(hit["distance"])) for hit in answer[0]]

    def count(self, source: str) -> int:
        found = self._call(
            lambda client: client.query(
                self.names.chunks,
                filter=f"chunk == 0 and source in {_quoted([source])}",
                output_fields=["count(*)"],
                consistency_level=STRONG,
                timeout=self._timeout,
            )
        )
        return int(found[0]["count(*)"])

    def _rows(self, chunk_ids: Iterable[str]) -> list[Row]:
        return [from_entity(entity) for entity in self._get(self.names.chunks, list(chunk_ids), CHUNK_FIELDS)]

    def _deleted(self, record_ids: Sequence[str]) -> dict[str, Position]:
        found = self._get(self.names.deleted, list(record_ids), ["record_id", "position"])
        return {entity["record_id"]: Position(entity["position"]) for entity in found}

    def _get(self, collection: str, ids: list[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for start in range(0, len(ids), READ_PAGE):
            page = ids[start : start + READ_PAGE]
            found += self._call(
                lambda client, page=page: client.get(  # type: ignore[misc]
                    collection,
                    ids=page,
                    output_fields=list(fields),
                    consistency_level=STRONG,
                    timeout=self._timeout,
                )
            )
        return found

    def _bury(self, gone: Sequence[Version]) -> None:
        marks = [{"record_id": v.record_id, "position": v.position, "unused": [0.0, 1.0]} for v in gone]
        if marks:
            self._call(lambda client: client.upsert(self.names.deleted, marks, timeout=self._timeout))

    def _upsert(self, rows: Sequence[Row]) -> None:
        if rows:
            entities = [to_entity(row) for row in rows]
            self._call(lambda client: client.upsert(self.names.chunks, entities, timeout=self._timeout))

    def _delete(self, chunk_ids: Iterable[str]) -> None:
        ids = list(chunk_ids)
        if ids:
            self._call(lambda client: client.delete(self.names.chunks, ids=ids, timeout=self._timeout))

    def _call(self, do: Callable[[MilvusClient], T]) -> T:
        try:
            if self._client is None:
                self._client = self._connect()
            return do(self._client)
        except MilvusException as error:
            if isinstance(error, CONTENT_ERRORS) or error.code in CONTENT_CODES:
                raise Rejected("index_refused", f"Milvus refused it: {error.message}") from error
            raise IndexUnavailable() from error


def expression(access: AccessFilter) -> str:
    """The Milvus predicate for what an asker may see: lists of integers and of quoted names, nothing else."""
    labels = ", ".join(str(int(label)) for label in sorted(access.labels))
    return f"label in [{labels}] and source in {_quoted(sorted(access.sources))}"


def _quoted(names: Sequence[str]) -> str:
    for name in names:
        if not name.isidentifier():
            raise ValueError(f"{name!r} is not a source name")
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _held(rows: Sequence[Row], deleted: Position) -> Held:
    ordered = tuple(sorted(rows, key=lambda row: row.chunk))
    return Held(max(ordered[0].position, deleted) if ordered else deleted, ordered)
