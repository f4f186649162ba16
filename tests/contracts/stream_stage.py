"""What the stream job's tests share: a contract, Debezium messages made and recorded, changes, and Kafka as lists."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from schemas.change import Change, Origin
from schemas.contract import Contract
from schemas.dead_letter import DeadLetter
from schemas.label import LabelId
from schemas.position import Position
from streams.decode import RawEvent
from streams.send import Message

RECORDED = Path(__file__).parents[1] / "data" / "debezium"
TOPIC = "helpdesk.helpdesk.tickets"
Headers = tuple[tuple[str, bytes], ...]
MEMBERS_TOPIC = "helpdesk.helpdesk.members"

CONTRACT = Contract.model_validate(
    {
        "source": "helpdesk",
        "connector": {"plugin": "postgres", "config": "helpdesk.debezium.json"},
        "tables": {
            "helpdesk.tickets": {
                "key": ["id"],
                "event_time": "updated_at",
                "title": "{subject}",
                "text": "{body}",
                "url": "https://helpdesk.example/{id}",
                "metadata": ["status"],
                "mask": ["card_number"],
                "permissions": {
                    "tenant": "{tenant_id}",
                    "readers": ["user:{owner}", "team:{team}#member"],
                    "denied": ["user:{excluded}"],
                    "attributes": {"region": "{region}"},
                },
                "relation": {
                    "tenant": "{tenant_id}",
                    "object": "ticket:{id}",
                    "relation": "reader",
                    "subject": "team:{team}#member",
                },
            },
            "helpdesk.members": {
                "key": ["team_id", "email"],
                "relation": {
                    "tenant": "{tenant_id}",
                    "object": "team:{team_id}",
                    "relation": "member",
                    "subject": "user:{email}",
                },
            },
        },
    }
)

ROW: dict[str, Any] = {
    "id": 42,
    "tenant_id": "acme",
    "subject": "Printer",
    "body": "It is on fire.",
    "status": "open",
    "card_number": "4111-secret",
    "owner": "ann@acme.example",
    "team": 7,
    "excluded": None,
    "region": "eu",
    "updated_at": "2026-11-23T02:26:04.443322Z",
}


def envelope(op: str = "u", row: dict[str, Any] | None = None, lsn: Any = 100, **changed: Any) -> dict[str, Any]:
    """A Debezium envelope of the tickets table; `changed` overrides columns of ROW."""
    source = {"connector": "postgresql", "schema": "helpdesk", "table": "tickets", "lsn": lsn, "ts_ms": 1795400764444}
    after = None if op == "d" else {**(ROW if row is None else row), **changed}
    return {"op": op, "before": None, "after": after, "source": source, "transaction": {"total_order": 1}}


def raw(value: Any, key: Any = None, topic: str = TOPIC, offset: int = 5) -> RawEvent:
    """A Kafka message; value and key as JSON unless they are bytes already. The key is that of ROW by default."""
    key = {"id": 42} if key is None else key
    return RawEvent(Origin(topic=topic, partition=1, offset=offset), _bytes(key), _bytes(value), (("h", b"\xff"),))


def _bytes(value: Any) -> bytes | None:
    return value if isinstance(value, bytes | None) else orjson.dumps(value)


class Kafka:
    """What was sent, or an error that sending raises once."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.error: Exception | None = None

    async def send(self, messages: Sequence[Message]) -> None:
        if self.error is not None:
            error, self.error = self.error, None
            raise error
        self.sent.extend(messages)

    def of(self, topic: str) -> list[bytes]:
        return [message.value for message in self.sent if message.topic == topic]

    @property
    def changes(self) -> list[Change]:
        return [Change.model_validate_json(value) for value in self.of("freshline.changes")]

    @property
    def letters(self) -> list[DeadLetter]:
        return [DeadLetter.model_validate_json(value) for value in self.of("freshline.dead-letters")]


class RawTopic:
    """A raw topic as lists, and the `RawReader` of it; `looked_up` are the places whose past was asked for."""

    def __init__(self, topic: str = TOPIC, partitions: int = 1) -> None:
        self.topic = topic
        self.partitions: list[list[RawEvent]] = [[] for _ in range(partitions)]
        self.looked_up: list[Origin] = []

    def append(self, key: Any, value: Any, partition: int = 0, headers: Headers = ()) -> RawEvent:
        messages = self.partitions[partition]
        origin = Origin(topic=self.topic, partition=partition, offset=len(messages))
        messages.append(RawEvent(origin, *(None if part is None else _bytes(part) for part in (key, value)), headers))
        return messages[-1]

    def before(self, origin: Origin) -> Iterator[RawEvent]:
        self.looked_up.append(origin)
        yield from reversed(self.partitions[origin.partition][: origin.offset])

    def of_key(self, topic: str, key: bytes) -> Iterator[RawEvent]:
        assert topic == self.topic
        holding = (messages for messages in self.partitions if any(raw.key == key for raw in messages))
        yield from reversed(next(holding, []))


def recorded() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every recorded message: the file's name, and the message as it was recorded."""
    for file in sorted(RECORDED.glob("*.jsonl")):
        for line in file.read_bytes().splitlines():
            yield file.stem, orjson.loads(line)


def as_raw(message: dict[str, Any]) -> RawEvent:
    """A recorded message as Kafka carried it."""
    origin = Origin(topic=message["topic"], partition=message["partition"], offset=message["offset"])
    return RawEvent(
        origin, *(None if message[part] is None else orjson.dumps(message[part]) for part in ("key", "value"))
    )


def upsert(name: str, at: int, text: str = "a text", label: int = 7, **changed: Any) -> Change:
    """A change of record `name` at position `at`."""
    fields: dict[str, Any] = {"title": "", "url": "https://x.example", "metadata": {"status": "open"}, **changed}
    return Change(**_common(name, at), op="upsert", label=LabelId(label), text=text, **fields)


def delete(name: str, at: int) -> Change:
    return Change(**_common(name, at), op="delete")


def relabel(name: str, at: int, label: int) -> Change:
    return Change(**_common(name, at), op="relabel", label=LabelId(label))


def truncate(at: int) -> Change:
    """All records of the tickets table emptied at position `at`."""
    return Change(**_common("", at) | {"record_id": "helpdesk/helpdesk.tickets", "key": {}}, op="truncate")


def _common(name: str, at: int) -> dict[str, Any]:
    return {
        "record_id": f"helpdesk/helpdesk.tickets/{name}",
        "source": "helpdesk",
        "table": "helpdesk.tickets",
        "key": {"id": name},
        "position": Position(f"{at:016x}.00000001"),
        "commit_ms": 1_700_000_000_000 + at,
        "event_ms": 1_600_000_000_000 + at,
        "origin": Origin(topic=TOPIC, partition=0, offset=at),
    }
