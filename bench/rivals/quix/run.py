"""Quix Streams: a streaming data frame that embeds each message, and a batching sink into Milvus."""

import os
import tempfile

from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBatch
from rival_kit import Collection, Embedder, Row, chunk_row, contest, split

COMMIT_S = 0.5
"""The sink writes at each commit; the default, 5 s, would make everything late."""


class MilvusSink(BatchingSink):
    """Writes what became of each record last."""

    def __init__(self, collection: Collection) -> None:
        super().__init__()
        self._collection = collection

    def write(self, batch: SinkBatch) -> None:
        records = {item.value["record"]: item.value for item in batch}
        self._collection.delete([record for record, value in records.items() if value["op"] in ("u", "d")])
        self._collection.upsert([row for value in records.values() for row in value["rows"]])


def embedded(event: Row, embedder: Embedder) -> Row:
    """A change as rows of the collection; none for a delete."""
    row = event["before"] if event["op"] == "d" else event["after"]
    record, chunks = str(row["id"]), [] if event["op"] == "d" else split(row["body"])
    vectors = embedder.embed(chunks)
    rows = [chunk_row(record, at, chunk, row, vectors[at]) for at, chunk in enumerate(chunks)]
    return {"record": record, "op": event["op"], "rows": rows}


def main() -> None:
    with contest() as (place, embedder), tempfile.TemporaryDirectory() as state:
        os.chdir(state)
        app = Application(
            broker_address=place.kafka,
            consumer_group=place.group,
            auto_offset_reset="earliest",
            commit_interval=COMMIT_S,
            auto_create_topics=False,
            loglevel="WARNING",
        )
        frame = app.dataframe(app.topic(place.topic, value_deserializer="json"))
        frame = frame.filter(lambda event: event is not None and event["op"] in ("c", "r", "u", "d"))
        frame = frame.apply(lambda event: embedded(event, embedder))
        frame.sink(MilvusSink(Collection(place)))
        app.run()


if __name__ == "__main__":
    main()
