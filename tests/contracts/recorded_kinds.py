"""The messages that infra/recorder recorded, and what the stream job makes of them, in short words."""

from base64 import b64decode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from schemas.change import Origin
from schemas.contract import Aggregate, TableContract
from schemas.topics import raw_topic
from streams.decode import RawEvent
from streams.intake import Table, Taken, take
from streams.past import Past, streamed_before, values_before

FOLDER = Path(__file__).parents[1] / "data" / "recorded"
LIMIT = 1_000_000


def files() -> list[str]:
    """Names without suffix: `<kind>.<connector>`."""
    return [file.stem for file in sorted(FOLDER.glob("*.jsonl"))]


def messages(file: str) -> list[RawEvent]:
    """What Kafka carried, in the order it came."""
    lines = (FOLDER / f"{file}.jsonl").read_text(encoding="ascii").splitlines()
    return [_raw(orjson.loads(line)) for line in lines]


def payload(event: RawEvent) -> dict[str, Any]:
    """A message's value without schema."""
    value: dict[str, Any] = orjson.loads(event.value or b"{}")
    return value["payload"] if value.keys() == {"schema", "payload"} else value


def row(file: str, table: str, number: int) -> dict[str, Any]:
    """The columns of a table's row as they stand in its message of this number."""
    told = [event for event in messages(file) if event.origin.topic.endswith(f".{table}")]
    after: dict[str, Any] = payload(told[number])["after"]
    return after


def searchable(key: list[str], text: str, **more: Any) -> TableContract:
    """A contract of a table that everybody of one tenant may read."""
    permissions = {"tenant": "acme", "readers": ["user:*"]}
    return TableContract.model_validate({"key": key, "text": text, "permissions": permissions, **more})


def aggregate(**rules: Any) -> Aggregate:
    """As `searchable`, for an aggregate type of an outbox; with `relation` it grants and is not read."""
    read = {} if "relation" in rules else {"text": "{note}", "permissions": {"tenant": "acme", "readers": ["user:*"]}}
    return Aggregate.model_validate({**read, **rules})


def results(file: str, tables: dict[str, TableContract]) -> Iterator[tuple[RawEvent, Taken]]:
    """Each message and what it became, with the past looked up as the stream job does."""
    contracts = {
        raw_topic(f"recorder_{connector}", table): Table(f"recorder_{connector}", table, contract)
        for connector in [file.split(".")[1]]
        for table, contract in tables.items()
    }
    topics = Topics(messages(file))
    for event in messages(file):
        past = Past(streamed_before(topics.before(event.origin)))
        taken = take(event, contracts, LIMIT, past)
        if taken.rejected is not None and taken.rejected.reason == "placeholder_value":
            taken = take(event, contracts, LIMIT, Past(past.position, values_before(event, topics)))
        yield event, taken


class Topics:
    """The `RawReader` of recorded messages; each topic has one partition."""

    def __init__(self, events: Iterable[RawEvent]) -> None:
        self._events = sorted(events, key=lambda event: -event.origin.offset)

    def before(self, origin: Origin) -> Iterator[RawEvent]:
        yield from (e for e in self._events if e.origin.topic == origin.topic and e.origin.offset < origin.offset)

    def of_key(self, topic: str, key: bytes) -> Iterator[RawEvent]:
        found = [e for e in self._events if e.origin.topic == topic]
        assert any(e.key == key for e in found), f"no message has the key {key!r}"
        yield from found


def words(taken: Taken) -> str:
    """`1 = text`, `1 deleted`, `emptied`, `rejected: reason`, or `ignored`."""
    if taken.rejected is not None:
        return f"rejected: {taken.rejected.reason}"
    change = taken.change
    if change is None:
        return "ignored"
    name = change.record_id.rpartition("/")[2]
    return {"upsert": f"{name} = {change.text}", "delete": f"{name} deleted", "truncate": "emptied"}[change.op]


def _raw(message: dict[str, Any]) -> RawEvent:
    origin = Origin(topic=message["topic"], partition=message["partition"], offset=message["offset"])
    headers = tuple((name, _bytes(value) or b"") for name, value in message["headers"])
    return RawEvent(origin, _bytes(message["key"]), _bytes(message["value"]), headers)


def _bytes(part: Any) -> bytes | None:
    if part is None:
        return None
    return b64decode(part["base64"]) if isinstance(part, dict) else str(part).encode()
