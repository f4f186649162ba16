"""Follows `freshline.updates` for all subscriptions of this process: the newest in memory, older ones from Kafka."""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition
from pydantic import ValidationError

from connectors.kafka_admin import KafkaAdmin
from connectors.kafka_offsets import NO_GROUP, KafkaOffsets, quiet
from query.updates.kept import Kept
from query.updates.places import Placed, Places, Read
from query.updates.refusals import CursorExpired, UpdatesUnavailable
from query.wakers import Wakers
from schemas.errors import Unavailable
from schemas.topics import UPDATES
from schemas.update import Update

KEPT = 5_000
"""Updates of each partition in memory, at least, once so many were read."""
BATCH = 500
POLL_S = 0.05
REPLY_S = 3.0
RETRY_S = 0.5
log = logging.getLogger("freshline.query")


class Feed:
    """A `Log`. One thread, no consumer group, no commits: each process reads every update once.

    It waits for a topic that does not exist yet and for a broker that is away. What came while this process did not
    read is not in memory, but in Kafka: who goes on from before it reads it there.
    """

    def __init__(self, kafka: str) -> None:
        self._kafka = kafka
        self._offsets = KafkaOffsets(kafka, NO_GROUP, REPLY_S)
        self._admin = KafkaAdmin(kafka, REPLY_S)
        self._lock = threading.Lock()
        self._kept: Kept | None = None
        self._woken = Wakers()
        self._trouble = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="updates", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience_s: float = 5.0) -> None:
        """Ask the thread to end and wait for it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(patience_s)

    def waking(self, wake: Callable[[], None]) -> AbstractContextManager[None]:
        """Meanwhile `wake` is called, by the thread that reads, after updates came."""
        return self._woken.waking(wake)

    def end(self) -> dict[int, int]:
        with self._lock:
            return self._there().end

    def read(self, places: Places, most: int) -> Read:
        with self._lock:
            end = self._there().end
        each = max(1, most // max(1, len(end)))
        found, then = list[Placed](), dict[int, int]()
        for partition in end:
            updates, then[partition] = self._after(partition, places.get(partition, 0), each)
            found += updates
        return Read(found, then)

    def _there(self) -> Kept:
        if self._kept is None:
            raise UpdatesUnavailable()
        return self._kept

    def _after(self, partition: int, offset: int, most: int) -> tuple[list[Placed], int]:
        with self._lock:
            kept = self._there()
            first, end = kept.first(partition), kept.end[partition]
            if first <= offset <= end:
                return kept.after(partition, offset, most)
        return self._older(partition, offset, first, most) if offset < first else self._ahead(partition, offset)

    def _ahead(self, partition: int, offset: int) -> tuple[list[Placed], int]:
        """Nothing is here for now, where another process has read further than this one; gone, where Kafka has less."""
        try:
            end = self._offsets.end_offsets([UPDATES]).get((UPDATES, partition), 0)
        except Unavailable:
            raise UpdatesUnavailable() from None
        if offset > end:
            raise CursorExpired()
        return [], offset

    def _older(self, partition: int, offset: int, end: int, most: int) -> tuple[list[Placed], int]:
        """From Kafka, where they are not in memory any more, or never were."""
        try:
            if self._offsets.begin_offsets([UPDATES]).get((UPDATES, partition), 0) > offset:
                raise CursorExpired()
            messages = list(islice(self._admin.read_partition(UPDATES, partition, offset, end), most))
        except Unavailable:
            raise UpdatesUnavailable() from None
        found = [placed for placed in map(placed_of, messages) if placed is not None]
        return found, (messages[-1].offset() or 0) + 1 if len(messages) == most else end

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow()
            except Unavailable as error:
                self._say(str(error))
            except Exception as error:  # nobody restarts this thread: whatever it was, begin again from Kafka's end
                self._say(type(error).__name__)
            self._stopping.wait(RETRY_S)

    def _follow(self) -> None:
        begin = {place[1]: offset for place, offset in self._offsets.end_offsets([UPDATES]).items()}
        if not begin:
            raise Unavailable("Kafka", f"there is no topic {UPDATES}; run: freshline sources apply")
        consumer = Consumer(_configuration(self._kafka))
        try:
            consumer.assign([TopicPartition(UPDATES, number, offset) for number, offset in begin.items()])
            with self._lock:
                self._kept = Kept(begin, KEPT)
            self._say("")
            while not self._stopping.is_set():
                first = consumer.poll(POLL_S)
                if first is not None:
                    self._take([first, *consumer.consume(BATCH, timeout=0)])
        finally:
            consumer.close()

    def _take(self, messages: list[Message]) -> None:
        for message in messages:
            error = message.error()
            if error is None:
                self._add(message)
            elif error.code() == KafkaError._AUTO_OFFSET_RESET or error.fatal():
                raise Unavailable("Kafka", error.str())
        self._woken.wake()

    def _add(self, message: Message) -> None:
        placed = placed_of(message)
        with self._lock:
            kept = self._there()
            if placed is not None:
                kept.add(placed)
            else:
                kept.skip(message.partition() or 0, message.offset() or 0)

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            log.warning("updates: %s", trouble or "followed again")


def placed_of(message: Message) -> Placed | None:
    """None for what is no update of ours."""
    try:
        update = Update.model_validate_json(message.value() or b"")
    except ValidationError:
        log.warning("a message of %s at %s is no update", UPDATES, message.offset())
        return None
    return Placed(message.partition() or 0, message.offset() or 0, update)


def _configuration(kafka: str) -> dict[str, Any]:
    return {
        **quiet(kafka),
        # The client demands a name, but no group is joined and nothing committed.
        "group.id": NO_GROUP,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": 10,
        "reconnect.backoff.ms": 200,
        "reconnect.backoff.max.ms": 1000,
    }
