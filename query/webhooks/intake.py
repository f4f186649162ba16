"""From updates to deliveries: what concerns a webhook is noted durably, and only then committed in Kafka.

All processes that serve the API share the work as one consumer group. Nothing leaves here: what is noted is checked
again when it is sent.
"""

import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message

from connectors.kafka_offsets import quiet
from query.asker import Circumstances
from query.search import Parts
from query.updates.feed import placed_of
from query.updates.match import matches
from query.webhooks.attempt import Attempts
from query.webhooks.signing import Secrets
from query.webhooks.store import Kept, WebhookStore
from schemas.errors import FreshlineError, NotAvailable, Refused
from schemas.topics import UPDATES
from schemas.update import Update

BATCH = 200
POLL_S = 0.05
RETRY_S = 1.0
SESSION_MS = 10_000
log = logging.getLogger("freshline.query")


@dataclass(frozen=True, slots=True)
class Told:
    """An update, and when Kafka was told of it (ms since 1970, UTC)."""

    update: Update
    at_ms: int


class Noting:
    """What of some updates each webhook is to get. Blocking."""

    def __init__(self, parts: Parts, store: WebhookStore, attempts: Attempts, secrets: Secrets) -> None:
        self._parts, self._store, self._attempts, self._secrets = parts, store, attempts, secrets

    def note(self, told: Sequence[Told]) -> int:
        """Returns when it is kept; how much there was. Raises Unavailable."""
        noted = [
            (self._secrets.delivery_id(kept.webhook.id, update.record_id, update.position), kept.webhook.id, update)
            for kept in self._store.all()
            for update in self._concerning(kept, told)
        ]
        self._store.note(noted, self._parts.clock().wall_ms)
        return len(noted)

    def _concerning(self, kept: Kept, told: Sequence[Told]) -> Iterable[Update]:
        """Also what cannot be decided now: it is decided when it is to be sent."""
        question, made_ms = kept.webhook.question, kept.webhook.made_ms
        asked = [
            one.update
            for one in told
            if one.at_ms >= made_ms and (question.sources is None or one.update.source in question.sources)
        ]
        if not asked:
            return []
        about = Circumstances(self._parts.clock().wall_ms, question.purpose, kept.address)
        try:
            asker = self._attempts.alive(kept)
            outcomes = matches(self._parts, asker, about, question, asked) if asker is not None else []
        except NotAvailable:
            return asked
        except Refused:
            return []
        except FreshlineError:
            raise
        except Exception as error:  # of this webhook only, perhaps: it must not hold up all others
            log.error("webhook %s is not decided about: %s", kept.webhook.id, type(error).__name__)
            return asked
        return [update for update, outcome in zip(asked, outcomes, strict=False) if outcome is not None]


class Intake:
    """One thread, in the consumer group `group`."""

    def __init__(self, kafka: str, group: str, noting: Noting) -> None:
        self._kafka, self._group, self._noting = kafka, group, noting
        self._stopping = threading.Event()
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="webhooks-intake", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, patience_s: float = 5.0) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(patience_s)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._follow(Consumer(_configuration(self._kafka, self._group)))
            except FreshlineError as error:
                self._say(str(error))
            except Exception as error:  # nobody restarts this thread; what is not committed is read again
                self._say(type(error).__name__)
            self._stopping.wait(RETRY_S)

    def _follow(self, consumer: Consumer) -> None:
        try:
            consumer.subscribe([UPDATES])
            while not self._stopping.is_set():
                first = consumer.poll(POLL_S)
                if first is not None:
                    messages = [first, *consumer.consume(BATCH, timeout=0)]
                    self._noting.note(list(_told(messages)))
                    consumer.commit(asynchronous=False)
                    self._say("")
        finally:
            consumer.close()

    def _say(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            log.log(logging.ERROR if trouble else logging.INFO, "webhooks: %s", trouble or "updates are read again")


def _told(messages: Iterable[Message]) -> Iterable[Told]:
    for message in messages:
        error = message.error()
        if error is not None:
            raise KafkaException(error)
        placed = placed_of(message)
        if placed is not None:
            yield Told(placed.update, message.timestamp()[1])


def _configuration(kafka: str, group: str) -> dict[str, Any]:
    return {
        **quiet(kafka),
        "group.id": group,
        "enable.auto.commit": False,
        # The first time: nothing concerns a webhook that was made later.
        "auto.offset.reset": "earliest",
        "fetch.wait.max.ms": 10,
        "session.timeout.ms": SESSION_MS,
        "reconnect.backoff.ms": 200,
        "reconnect.backoff.max.ms": 1000,
        "topic.metadata.refresh.interval.ms": 10_000,
        "allow.auto.create.topics": False,
    }
