"""Histories of records whose content cannot always be used, as they stand in freshline.changes."""

import asyncio
from collections.abc import Sequence

from stream_stage import CONTRACT, Kafka, RawTopic, envelope

from schemas.topics import CHANGES, raw_topic
from streams.decode import RawEvent
from streams.intake import tables_by_topic
from streams.send import Message
from streams.taking import Taking

TABLE = "helpdesk.tickets"
ERROR_PAGE = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>"
LONG = "\n\n".join(f"Paragraph {n} tells of matter {n * 37} at some length and stands alone." for n in range(12))

Step = tuple[str, int, str]
"""What happens (good, long or bad content, nobody may read it any more, …), to which row, and who owns it then."""
Log = list[list[Message]]
"""What stands in each partition of freshline.changes, in its order."""


def stream(steps: Sequence[Step], source: str = "helpdesk", raw_partitions: int = 1) -> RawTopic:
    """The raw topic of a table to which this happened; each step has its place in the source's log, from 1 on.

    What is not there is not deleted: such a step is left out. Every truncate is in the first partition.
    """
    topic, there = RawTopic(raw_topic(source, TABLE), raw_partitions), set[int]()
    for at, (what, key, owner) in enumerate(steps, 1):
        if what == "delete" and key not in there:
            continue
        row = {"id": key, "owner": f"{owner}@acme.example"}
        event = _event(what, at, "u" if key in there else "c", row)
        topic.append({"id": key}, event, 0 if what == "truncate" else key % raw_partitions)
        there = set() if what == "truncate" else there - {key} if what == "delete" else there | {key}
    return topic


def _event(what: str, at: int, op: str, row: dict[str, object]) -> dict[str, object]:
    match what:
        case "delete":
            return envelope("d", lsn=at)
        case "truncate":
            return envelope("t", {}, lsn=at)
        case "nobody":
            return envelope(op, lsn=at, **row | {"owner": None, "team": None})
        case _:
            body = {"good": f"text {at}", "long": f"{at} {LONG}", "bad": ERROR_PAGE}[what]
            return envelope(op, lsn=at, body=body, **row)


def taken(raws: Sequence[RawEvent], topic: RawTopic, partitions: int, source: str = "helpdesk") -> Log:
    """freshline.changes after the intake read these."""
    kafka, contract = Kafka(), CONTRACT.model_copy(update={"source": source})
    asyncio.run(Taking(tables_by_topic([contract]), topic, 10_000, partitions).take(raws, kafka.send))
    changes = [message for message in kafka.sent if message.topic == CHANGES]
    return [[message for message in changes if message.partition == number] for number in range(partitions)]
