"""What the topics of labels, relations and progress say, read once and then followed."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from connectors.kafka_admin import KafkaAdmin
from connectors.kafka_offsets import NO_GROUP, KafkaOffsets
from schemas.change import table_of
from schemas.errors import Unavailable
from schemas.label import LabelDefinition, LabelId
from schemas.position import NOWHERE, Position
from schemas.progress import Progress
from schemas.relation import Grant
from schemas.topics import LABELS, PROGRESS, RELATIONS

POLL = 0.1
M = TypeVar("M", bound=BaseModel)


class Topic:
    """A topic of one partition, read from its beginning; each call goes on where the last one ended."""

    def __init__(self, settings_kafka: str, name: str, timeout: float) -> None:
        self._kafka = KafkaAdmin(settings_kafka, timeout)
        self._offsets = KafkaOffsets(settings_kafka, NO_GROUP, timeout)
        self._name = name
        self._next = 0

    def new(self, model: type[M]) -> Iterator[M]:
        """What has come since, up to the topic's end now. What cannot be read is left out. Raises Unavailable."""
        place = (self._name, 0)
        begin, end = (
            read([self._name]).get(place, 0) for read in (self._offsets.begin_offsets, self._offsets.end_offsets)
        )
        start, self._next = max(begin, self._next), end
        for message in self._kafka.read_partition(self._name, 0, start, end):
            try:
                yield model.model_validate_json(message.value() or b"")
            except ValidationError:
                continue


class Topics:
    """How messages of ours are got: `Topic.new` of each, or a double."""

    def __init__(self, kafka: str, timeout: float) -> None:
        self._topics = {name: Topic(kafka, name, timeout) for name in (LABELS, RELATIONS, PROGRESS)}

    def labels(self) -> Iterator[LabelDefinition]:
        return self._topics[LABELS].new(LabelDefinition)

    def grants(self) -> Iterator[Grant]:
        return self._topics[RELATIONS].new(Grant)

    def progress(self) -> Iterator[Progress]:
        return self._topics[PROGRESS].new(Progress)


@dataclass
class Following:
    """One source's labels, grants and progress. `patience`, in seconds, bounds the wait for progress.

    Memory: an integer a label; what each granting row of the source grants, as each query process holds it.
    """

    topics: Topics
    source: str
    patience: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    labels: set[LabelId] = field(default_factory=set)
    grants: dict[str, Grant] = field(default_factory=dict)
    _emptied: dict[str, Position] = field(default_factory=dict)
    _reached: Position = NOWHERE

    def refresh(self) -> None:
        """Take in all that labels and relations say by now."""
        self.labels.update(d.id for d in self.topics.labels() if d.genuine)
        for grant in self.topics.grants():
            if grant.record_id.startswith(self.source + "/"):
                self._take(grant)

    def grant(self, record_id: str) -> Grant | None:
        """What a row is said to grant; its tuples are empty where a truncate took them."""
        known = self.grants.get(record_id)
        if known is not None and known.position < self._emptied.get(table_of(record_id), NOWHERE):
            return known.model_copy(update={"tuples": ()})
        return known

    def granting(self, table_id: str) -> set[str]:
        """The rows of a table that are said to grant something."""
        return {name for name in self.grants if table_of(name) == table_id and (g := self.grant(name)) and g.tuples}

    def passed(self, position: Position) -> None:
        """Return once all that the source committed before `position` is in the index or in the dead letters.

        Raises Unavailable if that takes longer than the patience: is the stream job at work?
        """
        deadline = self.clock() + self.patience
        while True:
            for progress in self.topics.progress():
                if progress.source == self.source:
                    self._reached = max(self._reached, progress.position)
            if self._reached >= position:
                return
            if self.clock() >= deadline:
                raise Unavailable(
                    f"the watermark of {self.source}",
                    f"it did not pass {position} within {self.patience:g} s; is the stream job at work, are its tables "
                    "running? See: freshline sources status",
                )
            self.sleep(POLL)

    def _take(self, grant: Grant) -> None:
        if grant.truncated:
            self._emptied[grant.record_id] = max(grant.position, self._emptied.get(grant.record_id, NOWHERE))
            return
        known = self.grants.get(grant.record_id)
        if known is None or grant.position >= known.position:
            self.grants[grant.record_id] = grant
