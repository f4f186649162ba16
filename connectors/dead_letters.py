"""The dead letters there are: read from their topic, chosen by source, reason or time, taken away when settled.

A letter is named by its origin, `topic/partition/offset`, which is also its key in the compacted topic. A tombstone
for that key says that the letter is settled: dropped, or redriven. An event that the stream job reads once more, as
after a crash, and rejects once more, is the same letter again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, get_args

from pydantic import ValidationError

from connectors.dead_letter_text import MOST_MESSAGE, clip, one_line, short_key
from connectors.kafka_admin import KafkaAdmin
from connectors.kafka_offsets import NO_GROUP, KafkaOffsets
from connectors.kafka_writer import KafkaWriter
from schemas.change import RELABEL, Origin
from schemas.dead_letter import FIRST_OFFSET, DeadLetter
from schemas.duration import seconds
from schemas.errors import Misconfigured, RejectReason, Unavailable
from schemas.settings import Settings
from schemas.topics import DEAD_LETTERS

Progress = Callable[[int, int], None]
"""(done, of how many)."""
Stored = tuple[int, bytes | None, bytes | None]
"""A message of the topic: offset, key, value."""
Place = tuple[str, int]
"""A topic and a partition."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A dead letter without its bytes: under a kilobyte of memory, whatever the letter holds.

    `offset` is where the letter itself stands in `freshline.dead-letters`; `size` is bytes of the original value, None
    where it was too large to keep.
    `first` is the offset at which the event first stood in its partition: not its origin's if it was redriven and
    rejected again. `record` is equal for letters of one record on one topic; None for an event without a key. `key`
    and `message` are cut and safe to print.
    """

    origin: Origin
    offset: int
    first: int
    at_ms: int
    source: str
    table: str
    reason: RejectReason
    message: str
    record: bytes | None
    key: str
    size: int | None

    @property
    def id(self) -> str:
        """`helpdesk.helpdesk.tickets/2/4711`."""
        return f"{self.origin.topic}/{self.origin.partition}/{self.origin.offset}"

    @property
    def place(self) -> Place:
        """The topic and partition the event came from."""
        return self.origin.topic, self.origin.partition


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are meant: those that fit all of what is given.

    Times are ms since 1970, UTC: from `since_ms` to before `until_ms`.
    """

    ids: frozenset[str] = frozenset()
    source: str | None = None
    table: str | None = None
    reason: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def __post_init__(self) -> None:
        """Raises Misconfigured for a reason that does not exist: a slip of the pen must not look like "none"."""
        if self.reason is not None and self.reason not in get_args(RejectReason):
            known = ", ".join(get_args(RejectReason))
            raise Misconfigured(f"there is no reason {self.reason!r}; reasons are {known}")

    @property
    def all(self) -> bool:
        """Whether nothing is given, so that every letter fits."""
        return self == Wanted()

    def fits(self, entry: Entry) -> bool:
        return (
            (not self.ids or entry.id in self.ids)
            and self.source in (None, entry.source)
            and self.table in (None, entry.table)
            and self.reason in (None, entry.reason)
            and (self.since_ms is None or entry.at_ms >= self.since_ms)
            and (self.until_ms is None or entry.at_ms < self.until_ms)
        )


def wanted(choice: Mapping[str, Any], now: datetime) -> Wanted:
    """What a person chose: ids, source, table, reason, since, until; None = not given. Raises Misconfigured."""
    since, until = choice["since"], choice["until"]
    return Wanted(
        ids=frozenset(choice["ids"] or ()),
        source=choice["source"],
        table=choice["table"],
        reason=choice["reason"],
        since_ms=None if since is None else moment_ms(since, now),
        until_ms=None if until is None else moment_ms(until, now),
    )


@dataclass(slots=True)
class Letters:
    """The open letters by id. `unreadable` counts messages that are no dead letters as this version writes them."""

    open: dict[str, Entry] = field(default_factory=dict)
    unreadable: int = 0

    def chosen(self, wanted: Wanted) -> list[Entry]:
        """The letters that fit, oldest rejection first. Raises Misconfigured for an id that is no open letter."""
        missing = sorted(wanted.ids - self.open.keys())
        if missing:
            raise Misconfigured(f"no such dead letter: {', '.join(missing)}; see: freshline dead-letters list")
        fitting = (entry for entry in self.open.values() if wanted.fits(entry))
        return sorted(fitting, key=lambda e: (e.at_ms, e.place, e.origin.offset))


class DeadLetters:
    """The topic of the dead letters. Every call raises Unavailable("Kafka") when Kafka is away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kafka = KafkaAdmin(settings.kafka, settings.request_timeout)

    def read(self, progress: Progress) -> Letters:
        """Read the topic through, one letter in memory at a time; entries are kept."""
        offsets = KafkaOffsets(self._settings.kafka, NO_GROUP, self._settings.request_timeout)
        begin = offsets.begin_offsets([DEAD_LETTERS]).get((DEAD_LETTERS, 0), 0)
        end = offsets.end_offsets([DEAD_LETTERS]).get((DEAD_LETTERS, 0), 0)
        return collect(self._stored(begin, end, progress))

    def letters(self, entries: Iterable[Entry]) -> Iterator[DeadLetter]:
        """The whole letters, in the order of the entries, one in memory at a time.

        A value that was too large to keep is read from its origin; where that is gone, `left_out` stays true.
        """
        entries = list(entries)
        found = self._kafka.pick(DEAD_LETTERS, [entry.offset for entry in entries])
        for entry, message in zip(entries, found, strict=True):
            if message is None or message.key() != entry.id.encode():
                raise Unavailable("the dead letter", f"{entry.id} was changed meanwhile; do it again")
            yield self._whole(DeadLetter.model_validate_json(message.value() or b""))

    def settle(self, ids: Iterable[str]) -> None:
        """Take letters away. Returns when Kafka has acknowledged it; settling twice does no harm."""
        writer = KafkaWriter(self._settings.kafka, self._settings.request_timeout)
        for name in ids:
            writer.write((DEAD_LETTERS, 0), name.encode(), None)
        writer.acknowledged()

    def _whole(self, letter: DeadLetter) -> DeadLetter:
        if not letter.left_out:
            return letter
        at = letter.origin
        for message in self._kafka.read_partition(at.topic, at.partition, at.offset, at.offset + 1):
            if message.offset() == at.offset:
                return letter.model_copy(update={"value": message.value(), "left_out": False})
        return letter

    def _stored(self, begin: int, end: int, progress: Progress) -> Iterator[Stored]:
        for message in self._kafka.read_partition(DEAD_LETTERS, 0, begin, end):
            offset = message.offset() or 0
            yield offset, message.key(), message.value()
            progress(offset + 1 - begin, end - begin)


def collect(stored: Iterable[Stored]) -> Letters:
    """Fold the topic's messages, in their order: of each key the last one counts. Pure."""
    letters = Letters()
    for offset, key, value in stored:
        name = (key or b"").decode(errors="replace")
        letters.open.pop(name, None)
        if value is None:
            continue
        try:
            entry = entry_of(DeadLetter.model_validate_json(value), offset)
        except ValidationError:
            letters.unreadable += 1
            continue
        letters.open[entry.id] = entry
    return letters


def entry_of(letter: DeadLetter, offset: int) -> Entry:
    """What is kept in memory of the letter at this offset of the topic."""
    return Entry(
        origin=letter.origin,
        offset=offset,
        first=first_offset(letter.headers, letter.origin.offset),
        at_ms=letter.at_ms,
        source=letter.source,
        table=letter.table,
        reason=letter.reason,
        message=clip(one_line(letter.message), MOST_MESSAGE),
        record=record_of(letter.key),
        key=short_key(letter.key),
        size=None if letter.left_out else len(letter.value or b""),
    )


def record_of(key: bytes | None) -> bytes | None:
    """Names the record of an event on its topic by its key, in 16 bytes. A relabel's key is its record's and more."""
    return None if key is None else blake2b(key.removesuffix(RELABEL.encode()), digest_size=16).digest()


def first_offset(headers: Iterable[tuple[str, bytes]], offset: int) -> int:
    """At which offset an event that stands at `offset` stood first."""
    noted = next((value for name, value in headers if name == FIRST_OFFSET), b"")
    return int(noted) if noted.isdigit() and len(noted) < 20 else offset


def moment_ms(text: str, now: datetime) -> int:
    """A time as a person writes it, in ms since 1970, UTC: `2h` = two hours before `now`, or an ISO time.

    An ISO time without a zone is UTC. Raises Misconfigured.
    """
    try:
        return int((now.timestamp() - seconds(text)) * 1000)
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise Misconfigured(f"{text!r} is no time; write for example 15m, 2h, 7d or 2026-11-23T09:30:00Z") from None
    return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
