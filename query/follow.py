"""Feeds the permission view and the revocations from their topics, and knows when both were last complete."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from query.capabilities.revoked import Revocations
from query.held_progress import HeldProgress
from query.view import PermissionView
from schemas.label import LabelDefinition
from schemas.progress import Progress
from schemas.relation import Grant
from schemas.topics import LABELS, PROGRESS, RELATIONS, REVOCATIONS

FOLLOWED = (LABELS, RELATIONS, PROGRESS, REVOCATIONS)
BATCH = 1000
POLL_S = 0.05
LOOK_S = 0.5
"""How often the broker is asked for the ends of the topics."""
REPLY_S = 1.0
RETRY_S = 0.5
log = logging.getLogger("freshline.query")
client_log = logging.getLogger("freshline.query.kafka")
client_log.setLevel(logging.CRITICAL)  # it tells of each attempt to connect; we tell when the broker goes and comes

Place = tuple[str, int]
"""A topic and a partition."""


class Lost(Exception):
    """What was followed is gone: the topic was cut or made anew. Begin again with an empty view."""


class CatchUp:
    """Was all read that the broker had at some moment? Pure; moments are seconds on the steady clock."""

    def __init__(self) -> None:
        self._read: dict[Place, int] = {}
        self._ends: dict[Place, int] = {}
        self._asked_at: float | None = None

    def aim(self, asked_at: float, ends: dict[Place, int]) -> None:
        """At `asked_at` the broker had what is before these offsets. Raises Lost if more was read already."""
        for place, end in ends.items():
            if self._read.get(place, 0) > end:
                raise Lost(f"{place[0]} has fewer messages than were read from it")
        self._asked_at, self._ends = asked_at, ends

    def reached(self, place: Place, offset: int) -> None:
        """Everything before `offset` was read."""
        self._read[place] = max(offset, self._read.get(place, 0))

    @property
    def read(self) -> Mapping[Place, int]:
        """Everything before these offsets was read."""
        return self._read

    @property
    def done(self) -> bool:
        """Everything last aimed at is read; true before the first aim."""
        return all(self._read.get(place, 0) >= end for place, end in self._ends.items())

    @property
    def complete_as_of(self) -> float | None:
        """The moment last aimed at, once all the broker had then is read; None before."""
        return self._asked_at if self.done else None


class Follower:
    """One thread, no consumer group, no commits: each process reads all of the topics, from their beginning.

    It waits for topics that do not exist yet and for a broker that is away; `as_of` then stands still.
    """

    def __init__(
        self,
        kafka: str,
        view: PermissionView,
        revocations: Revocations,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kafka = kafka
        self._view = view
        self._revocations = revocations
        self._steady = steady
        self._answers = True
        self._held = HeldProgress()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="permission-view", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience_s: float = 5.0) -> None:
        """Ask the thread to end and wait for it."""
        self._stopping.set()
        self._thread.join(patience_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow_one(Consumer(_configuration(self._kafka), logger=client_log))
            except Exception as error:  # nobody restarts this thread: whatever it was, begin again, nothing visible
                log.error("the permission view starts again from nothing: %s", type(error).__name__)
                self._view.clear()
                self._revocations.clear()
                self._stopping.wait(RETRY_S)

    def _follow_one(self, consumer: Consumer) -> None:
        try:
            places = self._wait_for_topics(consumer)
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for topic, number in places])
            self._follow(consumer, places)
        finally:
            consumer.close()

    def _follow(self, consumer: Consumer, places: list[Place]) -> None:
        self._held = HeldProgress()
        catch_up, next_look = CatchUp(), self._steady()
        while not self._stopping.is_set():
            if catch_up.done and self._steady() >= next_look:
                next_look = self._steady() + LOOK_S
                asked_at, ends = self._steady(), _ends(consumer, places)
                self._note(answers=ends is not None)
                if ends is not None:
                    catch_up.aim(asked_at, ends)
            self._read(consumer, catch_up)
            for progress in self._held.ready(catch_up.read):
                self._view.advance(progress)
            if catch_up.complete_as_of is not None:
                self._revocations.caught_up(catch_up.complete_as_of)
                self._view.caught_up(catch_up.complete_as_of)

    def _wait_for_topics(self, consumer: Consumer) -> list[Place]:
        while not self._stopping.is_set():
            topics = _topics(consumer)
            self._note(answers=topics is not None)
            if topics is not None and all(topics.get(topic) for topic in FOLLOWED):
                return [(topic, number) for topic in FOLLOWED for number in topics[topic]]
            self._stopping.wait(RETRY_S)
        return []

    def _note(self, *, answers: bool) -> None:
        """One line in the log when the broker goes, and one when it comes back."""
        if answers != self._answers:
            self._answers = answers
            log.warning(
                "Kafka answers again." if answers else "Kafka does not answer for the permission view, which grows old."
            )

    def _read(self, consumer: Consumer, catch_up: CatchUp) -> None:
        """Apply what has arrived; waits at most POLL_S for the first message, and not at all for more."""
        first = consumer.poll(POLL_S)
        if first is not None:
            for message in (first, *consumer.consume(BATCH, timeout=0)):
                self._take(message, catch_up)

    def _take(self, message: Message, catch_up: CatchUp) -> None:
        error = message.error()
        if error is None:
            if message.topic() == REVOCATIONS:
                self._revocations.take(message.key(), message.value())
            else:
                take(self._view, self._held, message.topic() or "", message.key(), message.value())
            catch_up.reached(_place(message), (message.offset() or 0) + 1)
        elif error.code() == KafkaError._PARTITION_EOF:
            catch_up.reached(_place(message), message.offset() or 0)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET or error.fatal():
            raise Lost(error.str())


def take(view: PermissionView, held: HeldProgress, topic: str, key: bytes | None, value: bytes | None) -> None:
    """Apply one message; progress is held. An unreadable one is counted; a row whose grant it is grants nothing."""
    try:
        if topic == LABELS:
            view.define(LabelDefinition.model_validate_json(value or b""))
        elif topic == RELATIONS:
            view.relate(Grant.model_validate_json(value or b""))
        elif topic == PROGRESS:
            held.hold(Progress.model_validate_json(value or b""))
    except ValueError:
        view.ignore(f"malformed in {topic}")
        if topic == RELATIONS and key:
            view.distrust(key.decode(errors="replace"))


def _topics(consumer: Consumer) -> dict[str, list[int]] | None:
    """The partitions of each topic; None if the broker does not answer."""
    try:
        found = consumer.list_topics(timeout=REPLY_S).topics
    except KafkaException:
        return None
    return {name: sorted(topic.partitions) for name, topic in found.items()}


def _ends(consumer: Consumer, places: Iterable[Place]) -> dict[Place, int] | None:
    """The offset after the last message of each place, as the broker says now; None if it does not answer."""
    ends: dict[Place, int] = {}
    try:
        for topic, number in places:
            offsets = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=REPLY_S)
            if offsets is None:
                return None
            ends[topic, number] = offsets[1]
    except KafkaException:
        return None
    return ends


def _place(message: Message) -> Place:
    return message.topic() or "", message.partition() or 0


def _configuration(kafka: str) -> dict[str, str | int | bool]:
    return {
        "bootstrap.servers": kafka,
        # The client demands a name, but no group is joined and nothing committed.
        "group.id": "freshline-permission-view",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        # A waiting fetch holds back the question for the topics' ends, which uses the same connection.
        "fetch.wait.max.ms": 10,
        "fetch.error.backoff.ms": 100,
        "reconnect.backoff.ms": 200,
        "reconnect.backoff.max.ms": 1000,
        "topic.metadata.refresh.interval.ms": 10_000,
    }
