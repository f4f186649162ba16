"""Redriving dead letters: their events are written again to the partition they came from, where all may now go well.

A redrive keeps the order of the source within each record. Were a letter alone written again, an older version would
stand last in the raw topic, and so in the compacted freshline.changes and freshline.relations, where the last one is
the one that stays. So a redrive is by record. It writes, in the order in which they first stood there:

- all open letters of the record, also those that were not asked for; what is rejected again is a new letter;
- all else that came for the record after the first of them. These are known versions at known positions: the index
  already has them, or something newer, and does not change.

Then the letters are settled. After a crash in between the redrive is done again; that too changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from confluent_kafka import Message

from connectors.dead_letters import DeadLetters, Entry, Letters, Place, Progress, Wanted, first_offset, record_of
from connectors.kafka_admin import KafkaAdmin
from connectors.kafka_offsets import NO_GROUP, KafkaOffsets, Offsets
from connectors.kafka_writer import KafkaWriter
from schemas.dead_letter import FIRST_OFFSET
from schemas.errors import Misconfigured, Unavailable
from schemas.settings import Settings

ROUNDS = 20
"""Looks for versions that came while newer ones were written again; each takes milliseconds."""


@dataclass(frozen=True, slots=True)
class Event:
    """A message of a raw topic (or of freshline.changes) as it stands at `offset`."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def first(self) -> int:
        """The offset at which it first stood: what orders the events of a record."""
        return first_offset(self.headers, self.offset)

    def noted(self) -> tuple[tuple[str, bytes], ...]:
        """Its headers, with the offset at which it first stood."""
        others = tuple(header for header in self.headers if header[0] != FIRST_OFFSET)
        return (*others, (FIRST_OFFSET, str(self.first).encode()))


@dataclass(frozen=True, slots=True)
class Planned:
    """What a redrive would do. `letters` go, in this order; `others` are those of them that were not asked for.

    `expired` stay: their partition no longer holds all that came after them.
    """

    letters: tuple[Entry, ...]
    others: tuple[Entry, ...]
    expired: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """How many letters were redriven, and how many newer events were written again after them."""

    letters: int
    newer: int


class Redrive:
    """Redrives letters. Every call raises Unavailable("Kafka") when Kafka is away."""

    def __init__(self, settings: Settings, box: DeadLetters) -> None:
        self._settings = settings
        self._box = box
        self._kafka = KafkaAdmin(settings.kafka, settings.request_timeout)
        self._offsets = KafkaOffsets(settings.kafka, NO_GROUP, settings.request_timeout)

    def plan(self, letters: Letters, chosen: Sequence[Entry]) -> Planned:
        """What redriving the chosen letters takes. Changes nothing."""
        wanted = of_same_records(letters.open.values(), chosen)
        topics = {entry.origin.topic for entry in wanted}
        begin, end = self._offsets.begin_offsets(topics), self._offsets.end_offsets(topics)
        going: list[Entry] = []
        expired: list[Entry] = []
        for entry in wanted:
            (expired if has_expired(entry, begin, end) else going).append(entry)
        asked = {entry.id for entry in chosen}
        others = (entry for entry in going if entry.id not in asked)
        return Planned(tuple(going), tuple(others), tuple(expired))

    def run(self, planned: Planned, repaired: Mapping[str, bytes], progress: Progress) -> Done:
        """Write the events again and settle the letters, partition by partition. `repaired`: id -> another value.

        Raises Misconfigured where Kafka does not take an event (too large, no such topic): the letters of that
        partition all stay.
        """
        sent = newer = 0
        for place, group in groupby(planned.letters, key=lambda entry: entry.place):
            entries = list(group)
            end = self._offsets.end_offsets([place[0]])[place]
            later = self._between(place, entries[0].origin.offset + 1, end)
            events = in_order(entries, self._events(entries, repaired), later)
            newer += self._write(place, entries, events, end) - len(entries)
            self._box.settle(entry.id for entry in entries)
            sent += len(entries)
            progress(sent, len(planned.letters))
        return Done(sent, newer)

    def _write(self, place: Place, entries: Sequence[Entry], events: Iterable[Event], end: int) -> int:
        """Write events, then again what came for their records meanwhile, from offset `end` on; how many it were."""
        writer = KafkaWriter(self._settings.kafka, self._settings.request_timeout)
        records = {entry.record for entry in entries if entry.record is not None}
        written, ours = 0, set[int]()
        for _ in range(ROUNDS):
            before = written
            for event in events:
                writer.write(place, event.key, event.value, event.noted())
                written += 1
            if written == before:
                return written
            ours |= set(writer.acknowledged())
            start, end = end, max(ours) + 1
            arrived = self._between(place, start, end)
            events = (e for e in arrived if e.offset not in ours and record_of(e.key) in records)
        raise Unavailable("the record", f"of {entries[0].id} changes too quickly now; redrive it again later")

    def _events(self, entries: Sequence[Entry], repaired: Mapping[str, bytes]) -> Iterator[Event]:
        for entry, letter in zip(entries, self._box.letters(entries), strict=True):
            if letter.left_out and entry.id not in repaired:
                raise Misconfigured(
                    f"{entry.id}: its value was too large to keep, and Kafka no longer holds it; drop it"
                )
            yield Event(entry.origin.offset, letter.key, repaired.get(entry.id, letter.value), letter.headers)

    def _between(self, place: Place, start: int, end: int) -> Iterator[Event]:
        return (_event(message) for message in self._kafka.read_partition(*place, start, end))


def repairs(wanted: Wanted, value_file: Path | None) -> dict[str, bytes]:
    """Letter id -> its repaired value, which the file holds. Raises Misconfigured unless one letter is named."""
    if value_file is None:
        return {}
    if len(wanted.ids) != 1:
        raise Misconfigured("--value-file repairs one letter: name it by its id")
    return {next(iter(wanted.ids)): value_file.read_bytes()}


def of_same_records(open_letters: Iterable[Entry], chosen: Iterable[Entry]) -> list[Entry]:
    """The chosen letters and every other open one of the same records, as they are to be written. Pure.

    That is by place and offset, but within a record in the order in which its events first stood there.
    """
    records = {_record(entry) for entry in chosen}
    going = (entry for entry in open_letters if _record(entry) in records)
    turns: dict[object, int] = {}
    ordered = []
    for entry in sorted(going, key=lambda entry: (entry.place, entry.first)):
        turn = turns[_record(entry)] = max(turns.get(_record(entry), -1), entry.origin.offset)
        ordered.append((entry.place, turn, entry.first, entry))
    return [entry for *_, entry in sorted(ordered, key=lambda item: item[:3])]


def has_expired(entry: Entry, begin: Offsets, end: Offsets) -> bool:
    """Whether the partition may once have held newer versions of the letter's record that it holds no more. Pure."""
    if entry.place not in end:
        return True
    return entry.record is not None and not begin[entry.place] - 1 <= entry.origin.offset < end[entry.place]


def in_order(entries: Sequence[Entry], events: Iterable[Event], later: Iterable[Event]) -> Iterator[Event]:
    """The letters' events and, between them, what else came later for their records. Pure.

    `entries` are of one partition, ordered by `of_same_records`; `events` are theirs; `later` is what stands in the
    partition after the first of them, by offset.
    """
    letters = zip(entries, events, strict=True)
    letter = next(letters, None)
    own = {entry.origin.offset for entry in entries}
    begun: dict[bytes | None, int] = {}
    for event in later:
        while letter is not None and letter[0].origin.offset < event.offset:
            begun.setdefault(letter[0].record, letter[0].first)
            yield letter[1]
            letter = next(letters, None)
        oldest = None if event.key is None else begun.get(record_of(event.key))
        if oldest is not None and event.first > oldest and event.offset not in own:
            yield event
    if letter is not None:
        yield letter[1]
        yield from (event for _, event in letters)


def _record(entry: Entry) -> object:
    """Equal for letters of one record; a letter without a key is alone."""
    return (entry.place, entry.record) if entry.record is not None else entry.id


def _event(message: Message) -> Event:
    headers = tuple((str(header[0]), _bytes(header[1]) or b"") for header in message.headers() or ())
    return Event(message.offset() or 0, _bytes(message.key()), _bytes(message.value()), headers)


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
