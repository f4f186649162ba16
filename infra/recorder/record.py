"""Record real Debezium messages: perform every kind of change on a scratch source and keep what Kafka carried."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from infra.recorder.kinds import MARK, Kind, all_kinds, topic_prefix
from infra.recorder.scratch import WAIT_SECONDS, Database, Scratch, enter
from schemas.errors import Unavailable
from schemas.settings import Settings

Report = Callable[[str], None]


def record(settings: Settings, folder: Path, report: Report) -> None:
    """Write `<kind>.<connector>.jsonl` for every kind; one message a line, in Kafka's words.

    Key, value and headers are text, or {"base64": …} where they are not UTF-8. Needs the local stack. Leaves nothing
    behind but the files. Raises Unavailable where a message that must come does not.
    """
    kinds = all_kinds()
    scratch = Scratch(settings)
    scratch.remove()
    try:
        scratch.make(kinds)
        report(f"{len(kinds)} kinds, {len({c for kind in kinds for c in kind.connectors})} connectors")
        messages = _Messages(settings.kafka, scratch.topics)
        files: dict[str, list[str]] = {}
        with scratch.connected() as database:
            for kind in kinds:
                seen = _perform(kind, database, messages)
                report(f"{kind.name}: {len(seen)} messages")
                for message in seen:
                    if (name := _file(message, kind)) is not None:
                        files.setdefault(name, []).append(json.dumps(message) + "\n")
        messages.close()
        for name, lines in files.items():
            (folder / name).write_text("".join(lines), encoding="ascii")
    finally:
        scratch.remove()


class _Messages:
    """All messages of the recorder's topics, as they come."""

    def __init__(self, bootstrap: str, topics: Callable[[], list[str]]) -> None:
        options = {"bootstrap.servers": bootstrap, "group.id": "recorder", "enable.auto.commit": False}
        self._consumer = Consumer({**options, "log_level": 0, "fetch.wait.max.ms": 50})
        self._topics = topics
        self._known: set[str] = set()

    def until(self, done: Callable[[dict[str, Any]], bool], counts: Callable[[str], bool], quiet: float) -> list[Any]:
        """Those that come until one is `done`, and then until no topic that `counts` had one for `quiet` seconds."""
        found: list[dict[str, Any]] = []
        deadline, last = time.monotonic() + WAIT_SECONDS, None
        while last is None or time.monotonic() - last < quiet:
            self._notice_new_topics()
            message = self._consumer.poll(0.1)
            if message is not None:
                found.append(_readable(message))
                if counts(found[-1]["topic"]) if last is not None else done(found[-1]):
                    last = time.monotonic()
            if time.monotonic() > deadline:
                raise Unavailable("the recorder's source", "its last message did not come; see the log of connect")
        return found

    def close(self) -> None:
        self._consumer.close()

    def _notice_new_topics(self) -> None:
        new = set(self._topics()) - self._known
        if new:
            self._consumer.incremental_assign([TopicPartition(topic, 0, 0) for topic in sorted(new)])
            self._known |= new


def _perform(kind: Kind, database: Database, messages: _Messages) -> list[dict[str, Any]]:
    enter(database, kind)
    for change in kind.changes:
        database.execute(change.encode())
    database.execute("SELECT pg_logical_emit_message(true, %s, '')", [f"{MARK}.{kind.name}"])
    waiting = {f"{topic_prefix(connector)}.message" for connector in kind.connectors}

    def done(message: dict[str, Any]) -> bool:
        if _marks(message, kind):
            waiting.discard(message["topic"])
        return not waiting

    return messages.until(done, lambda topic: f".{kind.name}." in topic, kind.quiet)


def _readable(message: Message) -> dict[str, Any]:
    error = message.error()
    if error is not None:
        raise KafkaException(error)
    return {
        "topic": message.topic(),
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": message.timestamp()[1],
        "headers": [[header[0], _text(header[1])] for header in message.headers() or []],
        "key": _text(message.key()),
        "value": _text(message.value()),
    }


def _text(data: object) -> object:
    if not isinstance(data, bytes):
        return data
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _marks(message: dict[str, Any], kind: Kind) -> bool:
    return message["topic"].endswith(".message") and f'"{MARK}.{kind.name}"' in message["value"]


def _file(message: dict[str, Any], performed: Kind) -> str | None:
    """Where a message belongs: to its table's kind, or to the kind just performed if that keeps control messages."""
    connector, _, rest = message["topic"].removeprefix("__debezium-heartbeat.").partition(".")
    if "." in rest:
        kind = rest.split(".")[0]
    elif performed.control and connector in map(topic_prefix, performed.connectors) and MARK not in message["value"]:
        kind = performed.name
    else:
        return None
    return f"{kind}.{connector.removeprefix('recorder_')}.jsonl"
