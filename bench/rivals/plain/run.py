"""The loop that one would write first: poll a batch, embed what it holds, upsert, commit."""

import json

from confluent_kafka import Consumer
from rival_kit import Collection, Embedder, Row, chunk_row, contest, split

BATCH, WAIT_S = 256, 0.1


def apply(changes: dict[str, Row | None], stale: list[str], collection: Collection, embedder: Embedder) -> None:
    """`changes`: key -> row, None for a deleted one. `stale`: those that may have had more chunks."""
    pieces = [
        (key, number, chunk, row)
        for key, row in changes.items()
        if row is not None
        for number, chunk in enumerate(split(row["body"]))
    ]
    vectors = embedder.embed([chunk for _, _, chunk, _ in pieces])
    collection.delete(stale)
    collection.upsert(
        [chunk_row(key, at, chunk, row, vector) for (key, at, chunk, row), vector in zip(pieces, vectors, strict=True)]
    )


def main() -> None:
    with contest() as (place, embedder):
        collection = Collection(place)
        consumer = Consumer(place.consumer())
        consumer.subscribe([place.topic])
        while True:
            changes: dict[str, Row | None] = {}
            stale: list[str] = []
            messages = [message for message in consumer.consume(BATCH, WAIT_S) if message.error() is None]
            for message in messages:
                if message.value() is None:  # the tombstone after a delete
                    continue
                event = json.loads(message.value())
                if event["op"] in ("c", "r", "u"):
                    key = str(event["after"]["id"])
                    changes[key] = event["after"]
                elif event["op"] == "d":
                    key = str(event["before"]["id"])
                    changes[key] = None
                else:
                    continue
                if event["op"] in ("u", "d"):
                    stale.append(key)
            if changes:
                apply(changes, stale, collection, embedder)
            if messages:
                consumer.commit(asynchronous=False)


if __name__ == "__main__":
    main()
