"""Taking payloads away for good: what was asked, shown, reasoned, and by whom. The envelopes stay, and so do proofs.

Each erasure is on record itself, as the sequences it took, so that a payload that vanished otherwise is noticed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from query.decisions.entry import Draft, Entry, new_id, sealed
from query.decisions.store import DecisionStore, entries
from schemas.decision import Envelope
from schemas.errors import Misconfigured

RUNS_AT_ONCE = 1000
"""Runs of sequences in one erasure record."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which payloads: all that is given must hold. `before_ms`: recorded before that time."""

    subject: str | None = None
    record_id: str | None = None
    before_ms: int | None = None

    def __post_init__(self) -> None:
        if self.subject is None and self.record_id is None and self.before_ms is None:
            raise Misconfigured("say whose records, which record, or how old: nothing is erased without")

    def takes(self, entry: Entry) -> bool:
        if entry.payload is None:
            return False
        envelope = entry.opened()
        return (
            self.record_id in (None, envelope.id)
            and (self.before_ms is None or envelope.at_ms < self.before_ms)
            and (self.subject is None or orjson.loads(entry.payload.body)["who"]["subject"] == self.subject)
        )


def erase(store: DecisionStore, key: Ed25519PrivateKey, choice: Choice, now_ms: Callable[[], int]) -> int:
    """Take away the payloads chosen; returns how many. Reads the whole log. Done again, it finds nothing left."""
    runs, erased = _runs(entry.sequence for entry in entries(store) if choice.takes(entry)), 0
    while batch := tuple(islice(runs, RUNS_AT_ONCE)):
        draft = Draft(Envelope(sequence=0, id=new_id(), kind="erasure", at_ms=now_ms(), erased=batch))
        store.append(partial(_only, draft, key), erased=batch)
        erased += sum(last - first + 1 for first, last in batch)
    return erased


def _only(draft: Draft, key: Ed25519PrivateKey, sequence: int) -> list[Entry]:
    return [sealed(draft, sequence, key)]


def _runs(sequences: Iterator[int]) -> Iterator[tuple[int, int]]:
    first = last = 0
    for sequence in sequences:
        if first and sequence == last + 1:
            last = sequence
            continue
        if first:
            yield first, last
        first = last = sequence
    if first:
        yield first, last
