"""What a reader that never looks away holds against the index. Pure: it is given what was seen, and when.

- regression: a chunk shows an older position than the same reader saw before, or a record that nobody ever began to
  delete is gone after it was there.
- resurrection: a record that was seen gone comes back with a position not newer than the newest seen of it, its
  tombstone included; or comes back although it was seen gone after the watermark had passed its last delete, and the
  database never made it anew.
- leak: a person was shown a record that no version of it and no membership of hers allowed at any moment from the
  answer's own watermark until the answer came. (Before its watermark an answer claims nothing later; so there is no
  tolerance in seconds: how far the watermark may lag is limited by the product, which refuses beyond.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.chaos.product import Person, Seen
from infra.chaos.timeline import Timeline
from schemas.answer import Answer
from schemas.position import NOWHERE, Position


@dataclass(slots=True)
class Findings:
    """What one reader found, each with what to look at."""

    regressions: list[str] = field(default_factory=list)
    resurrections: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Known:
    head: Position = NOWHERE
    """The newest at which it was seen present."""
    newest: Position = NOWHERE
    """As `head`, or the newest tombstone: a record is still there for a moment when its tombstone already is."""
    present: bool = False
    ended_at: float | None = None
    """When the database deleted it, if it was seen gone by a look whose watermark had passed that."""


class RecordWatch:
    """Judges what the index holds, look by look, in the order of the looks."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._known: dict[str, _Known] = {}
        self.found = Findings()

    def look(self, seen: Mapping[str, Seen], watermark_ms: int) -> None:
        """Judge one look at some records; `watermark_ms` is what the product claimed before the look."""
        for record, now in seen.items():
            known = self._known.setdefault(record, _Known())
            if now.present:
                self._present(record, known, now)
            else:
                self._absent(record, known, watermark_ms)
            known.present = now.present
            known.head = max(known.head, now.position)
            known.newest = max(known.newest, now.newest)

    def _present(self, record: str, known: _Known, now: Seen) -> None:
        if known.present:
            if now.position < known.head:
                self.found.regressions.append(f"{record}: {now.position} after {known.head}")
            return
        told = f"{record}: {now.position} after {known.newest}"
        came_back = known.newest != NOWHERE and now.position <= known.newest
        if came_back:
            self.found.resurrections.append(told)
        elif known.ended_at is not None and self._timeline.ended_at(record) == known.ended_at:
            self.found.resurrections.append(f"{told}, deleted at {known.ended_at:.0f}")
        known.ended_at = None

    def _absent(self, record: str, known: _Known, watermark_ms: int) -> None:
        ended = self._timeline.ended_at(record)
        known.ended_at = ended if ended is not None and ended <= watermark_ms else None
        if known.present and not self._timeline.doomed(record):
            self.found.regressions.append(f"{record}: gone after {known.newest}, but never deleted")


class AnswerWatch:
    """Judges answers in the order they came."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._newest: dict[tuple[str, int], Position] = {}
        self.found = Findings()

    def look(self, person: Person, answer: Answer, came_ms: float) -> None:
        """Judge the answer that came at `came_ms`. A record's chunks are compared each with itself."""
        since = min((status.watermark_ms or 0 for status in answer.sources), default=0)
        for hit in answer.hits:
            if not self._timeline.allowed(person, hit.record_id, since, came_ms):
                self.found.leaks.append(
                    f"{person.name} saw {hit.record_id} at {hit.position} because {hit.why}; "
                    f"watermark {since}, answered {answer.answered_ms}"
                )
            place, position = (hit.record_id, hit.chunk), Position(hit.position)
            if position < self._newest.get(place, NOWHERE):
                self.found.regressions.append(
                    f"{hit.record_id}#{hit.chunk} in an answer: {position} after {self._newest[place]}"
                )
            self._newest[place] = max(position, self._newest.get(place, NOWHERE))
