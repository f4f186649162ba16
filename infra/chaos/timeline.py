"""Who may have seen what, when: the history of every record's permissions and every membership.

Times are milliseconds since 1970 by this machine's clock, which the database shares. A version is *announced* just
before its transaction is sent and *settled* once the committed row was read back, so it holds for at most the time
between: whatever is judged by it is judged in favour of the product, by those few milliseconds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from threading import Lock

from infra.chaos.product import Person


@dataclass(frozen=True, slots=True)
class Access:
    """Who may read a version of a record: owner and team, in the tenant, but for whom it bars."""

    tenant: str
    owner: str | None
    team: str
    barred: str | None


@dataclass(frozen=True, slots=True)
class Membership:
    """A person's place in a team holds in one tenant."""

    tenant: str


Holding = Access | Membership


@dataclass(slots=True)
class Span:
    """`what` held from `since` until `until`."""

    what: Holding
    since: float
    until: float = inf


class Timeline:
    """Thread-safe. Names are record ids, and `member_name(...)` for memberships."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._spans: dict[str, list[Span]] = {}
        self._doomed: set[str] = set()

    def announce(self, planned: Mapping[str, Holding | None], now: float) -> None:
        """A transaction that may make these so (None: takes it away) is about to be sent."""
        with self._lock:
            for name, what in planned.items():
                spans = self._spans.setdefault(name, [])
                if what is None:
                    self._doomed.add(name)
                elif not any(span.until == inf and span.what == what for span in spans):
                    spans.append(Span(what, now))

    def settle(self, committed: Mapping[str, Holding | None], now: float) -> None:
        """What these are now, as read back from the database; whatever else was possible has ended."""
        with self._lock:
            for name, what in committed.items():
                for span in self._spans.get(name, ()):
                    if span.until == inf and span.what != what:
                        span.until = now

    def allowed(self, person: Person, record: str, since: float, until: float) -> bool:
        """Whether the person may have seen the record, by any of its versions and memberships of that time."""
        with self._lock:
            return any(
                isinstance(span.what, Access) and self._reads(person, span.what, since, until)
                for span in self._during(record, since, until)
            )

    def ended_at(self, record: str) -> float | None:
        """Since when a known record is gone for certain; None while it is or may be there."""
        with self._lock:
            spans = self._spans.get(record, [])
            last = max((span.until for span in spans), default=inf)
            return None if last == inf else last

    def doomed(self, record: str) -> bool:
        """Whether anybody ever began to delete the record."""
        with self._lock:
            return record in self._doomed

    def describe(self, record: str) -> list[str]:
        """The history of a record, for people."""
        with self._lock:
            return [f"{span.since:.0f}..{span.until:.0f} {span.what}" for span in self._spans.get(record, [])]

    def _reads(self, person: Person, access: Access, since: float, until: float) -> bool:
        if access.tenant != person.tenant or access.barred == person.name:
            return False
        seats = self._during(member_name(access.team, person.name), since, until)
        return access.owner == person.name or Membership(person.tenant) in [seat.what for seat in seats]

    def _during(self, name: str, since: float, until: float) -> Iterable[Span]:
        return [span for span in self._spans.get(name, ()) if span.since <= until and span.until >= since]


def member_name(team: object, person: object) -> str:
    return f"member {team}/{person}"
