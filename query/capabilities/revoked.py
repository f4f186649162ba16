"""What is revoked: the list in memory that tokens are checked against, and the message that makes it longer."""

import time
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from threading import Lock

from pydantic import ValidationError

from connectors.kafka_writer import KafkaWriter
from query.clock import Instant
from schemas.errors import Misconfigured, PermissionsUnknown, Unauthenticated
from schemas.revocation import Revocation
from schemas.topics import REVOCATIONS


class Revocations:
    """Safe with one writing thread and many readers. Fail closed: an incomplete list lets nobody in.

    An entry is forgotten when every token it could concern has expired. One that cannot be read revokes its key, for
    ever; a tombstone takes nothing away from a list that already has the entry.
    """

    def __init__(self, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._now_ms = now_ms
        self._lock = Lock()
        self._until: dict[str, int | None] = {}
        self._ends: list[tuple[int, str]] = []
        self._as_of: float | None = None

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Apply one message of the topic."""
        name = (key or b"").decode(errors="replace")
        if value is None:
            return
        try:
            revocation = Revocation.model_validate_json(value)
        except ValidationError:
            self._add(name, None)
        else:
            self._add(revocation.id, revocation.expires_ms)

    def caught_up(self, steady: float) -> None:
        """Say that everything the broker had at this moment (steady clock, seconds) is in the list."""
        self._as_of = steady

    def clear(self) -> None:
        """Forget everything, because what was followed is gone; nobody gets in until the list is complete again."""
        with self._lock:
            self._as_of = None
            self._until.clear()
            self._ends.clear()

    def require_good(self, ids: Iterable[str], limit_s: float, now: Instant) -> None:
        """Raises Unauthenticated if one of the ids is revoked.

        Raises PermissionsUnknown unless the list was complete within the last `limit_s` seconds.
        """
        with self._lock:
            if any(one in self._until for one in ids):
                raise Unauthenticated()
            if self._as_of is None or now.steady - self._as_of > limit_s:
                raise PermissionsUnknown("the list of revoked tokens is not up to date; ask again later")

    def __len__(self) -> int:
        return len(self._until)

    def _add(self, name: str, until: int | None) -> None:
        with self._lock:
            known = self._until.get(name, -1)
            longer = None if until is None or known is None else max(until, known)
            self._until[name] = longer
            if longer is not None:
                heappush(self._ends, (longer, name))
            while self._ends and self._ends[0][0] < self._now_ms():
                end, name = heappop(self._ends)
                if self._until.get(name) == end:
                    del self._until[name]


def revoke(kafka: str, revocation: Revocation, timeout_s: float) -> None:
    """Put it into the topic; every API that follows it refuses the token from then on.

    Raises Unavailable if Kafka does not acknowledge it; it may be in force nevertheless.
    """
    writer = KafkaWriter(kafka, timeout_s)
    writer.write((REVOCATIONS, 0), revocation.id.encode(), revocation.model_dump_json().encode())
    writer.acknowledged()


def revocation(name: str, revoked_ms: int, expires_ms: int | None) -> Revocation:
    """Raises Misconfigured for an id that no token can have."""
    try:
        return Revocation(id=name, revoked_ms=revoked_ms, expires_ms=expires_ms)
    except ValidationError:
        raise Misconfigured("a revocation id has 1 to 256 characters; freshline tokens inspect shows it") from None
