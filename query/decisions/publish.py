"""The copy of the log's evidence in Kafka (`freshline.decisions`): it follows the store, also after Kafka was away.

The store is the truth. What the copy lacks is read from the store, so nothing is buffered; where the copy ends is
read from its last message, so nothing has to be remembered. The copy has no payloads: what is erased is erased.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol

from connectors.kafka_admin import KafkaAdmin
from connectors.kafka_writer import KafkaWriter
from query.decisions.entry import Entry
from query.decisions.heads import LogAltered
from query.decisions.store import PAGE, DecisionStore, entries
from schemas.decision import Line
from schemas.topics import DECISIONS

KAFKA_S = 2.0


class Copies(Protocol):
    """The place of the copy. Every method raises Unavailable when it is away."""

    def last(self) -> Entry | None:
        """The newest entry there."""

    def write(self, batch: Sequence[Entry]) -> None:
        """Append, in order; returns when all is kept. After an error some of them may be there."""

    def read(self) -> Iterator[Entry]:
        """All of them, oldest first; one may come twice."""


class Publisher:
    """Brings the copy up to date, one process at a time. After an error make another."""

    def __init__(self, store: DecisionStore, copies: Copies) -> None:
        self._store, self._copies = store, copies
        self._copied: int | None = None

    def publish(self) -> int:
        """Copy what is new; returns how many entries. Raises LogAltered where store and copy contradict."""
        if self._copied is None:
            self._copied = self._resume()
        missing, before = entries(self._store, self._copied), self._copied
        while batch := list(islice(missing, PAGE)):
            self._copies.write(batch)
            self._copied = batch[-1].sequence
        return self._copied - before

    def _resume(self) -> int:
        last = self._copies.last()
        if last is None:
            return 0
        there = self._store.read(last.sequence - 1, 1)
        if not there:
            raise LogAltered(
                f"the copy of the decision log goes to entry {last.sequence}, the store does not. "
                f"If you began a new log on purpose, move {DECISIONS} away"
            )
        if there[0].leaf != last.leaf:
            raise LogAltered(f"entry {last.sequence} of the decision log is another in the copy")
        return last.sequence


class KafkaCopies:
    """Copies in the one partition of `freshline.decisions`, in the log's order."""

    def __init__(self, bootstrap: str, topic: str = DECISIONS) -> None:
        self._bootstrap, self._topic = bootstrap, topic
        self._writer: KafkaWriter | None = None

    def last(self) -> Entry | None:
        newest = [message.value() for message in KafkaAdmin(self._bootstrap, KAFKA_S).read(self._topic, newest=1)]
        return _entry(newest[-1]) if newest else None

    def write(self, batch: Sequence[Entry]) -> None:
        if self._writer is None:
            self._writer = KafkaWriter(self._bootstrap, KAFKA_S)
        try:
            for entry in batch:
                self._writer.write(
                    (self._topic, 0), entry.opened().tenant.encode(), entry.line().model_dump_json().encode()
                )
            self._writer.acknowledged()
        except BaseException:
            self._writer = None
            raise

    def read(self) -> Iterator[Entry]:
        for message in KafkaAdmin(self._bootstrap, KAFKA_S).read(self._topic):
            yield _entry(message.value())


def _entry(value: bytes | None) -> Entry:
    try:
        return Entry.of(Line.model_validate_json(value or b""))
    except ValueError:
        raise LogAltered(f"{DECISIONS} holds a message that is no entry of the decision log") from None
