"""Pathway: its Debezium connector, a user-defined function that embeds in batches, and a subscriber into Milvus.

Its own Milvus output needs a licence key; a subscriber is what its documentation offers otherwise.
"""

from typing import Any

import pathway as pw
from rival_kit import Collection, chunk_row, contest, split

COMMIT_MS, BATCH = 200, 256


class Article(pw.Schema):
    id: int = pw.column_definition(primary_key=True)
    body: str
    subject: str
    status: str
    priority: str


class Writer:
    """Gathers the changes of one moment and writes them together."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._gone: set[str] = set()
        self._came: dict[str, dict[str, Any]] = {}

    def on_change(self, key: pw.Pointer, row: dict[str, Any], time: int, is_addition: bool) -> None:  # noqa: ARG002
        piece = row["piece"].as_list()
        record = str(row["record"])
        name = f"{record}#{piece[0]}"
        if not is_addition:
            self._gone.add(name)
            return
        self._came[name] = chunk_row(record, piece[0], piece[1], row, [float(x) for x in row["vector"]])

    def on_time_end(self, time: int) -> None:  # noqa: ARG002
        gone = sorted(self._gone - self._came.keys())
        if gone:
            self._collection.client.delete(self._collection.name, ids=gone)
        self._collection.upsert(list(self._came.values()))
        self._gone, self._came = set(), {}


def main() -> None:
    with contest() as (place, embedder):
        writer = Writer(Collection(place))

        @pw.udf
        def pieces(body: str) -> list[pw.Json]:
            return [pw.Json([number, chunk]) for number, chunk in enumerate(split(body))]

        @pw.udf(max_batch_size=BATCH)
        def vectors(found: list[pw.Json]) -> list[list[float]]:
            return embedder.embed([piece.as_list()[1] for piece in found])

        settings = {"bootstrap.servers": place.kafka, "group.id": place.group, "auto.offset.reset": "earliest"}
        articles = pw.io.debezium.read(settings, place.topic, schema=Article, autocommit_duration_ms=COMMIT_MS)
        articles = articles.rename_by_dict({"id": "record"})  # `id` would be Pathway's own name of the row
        chunks = articles.with_columns(piece=pieces(pw.this.body)).flatten(pw.this.piece)
        rows = chunks.with_columns(vector=vectors(pw.this.piece))
        pw.io.subscribe(rows, writer.on_change, on_time_end=writer.on_time_end)
        pw.run(monitoring_level=pw.MonitoringLevel.NONE)


if __name__ == "__main__":
    main()
