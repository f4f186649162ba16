"""Whether the decision log is as it was written: everything is computed again, from the envelopes up.

Each entry must stand where it says, under the seal of our key, with the payload its hash was made of, or none if an
erasure names it. Each signed head, in the log or kept elsewhere, must have the root that the entries give: a head
from elsewhere is what shows that the tail was cut, or that the whole log was written anew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from query.decisions.entry import Entry
from query.decisions.keys import PublicKeys, is_sealed, is_signed
from query.decisions.store import DecisionStore, Runs, entries
from query.decisions.tree import LeafTree
from schemas.decision import Envelope, Head

What = Literal["altered", "removed", "moved", "payload_missing", "truncated", "rewritten", "forged_head", "row_count"]


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that is not as it was written, at an entry's sequence."""

    sequence: int
    what: What
    detail: str


@dataclass(frozen=True, slots=True)
class Witness:
    """What was kept elsewhere: heads, and perhaps the leaves' hashes by sequence."""

    name: str
    heads: tuple[Head, ...]
    leaves: Mapping[int, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, copied: Iterable[Entry]) -> "Witness":
        """A copy of entries as a witness. Raises ValueError for what is no entry."""
        leaves: dict[int, bytes] = {}
        heads: list[Head] = []
        for entry in copied:
            leaves.setdefault(entry.sequence, entry.leaf)
            head = entry.opened().head
            heads += [head] if head else []
        return cls(name, tuple(heads), leaves)


@dataclass(frozen=True, slots=True)
class Report:
    """`covered`: entries under the newest good head. `findings` in rising sequence: the first bad entry first."""

    records: int
    heads: int
    erased: int
    covered: int
    root: str
    findings: list[Finding]
    rows: dict[str, int]

    @property
    def clean(self) -> bool:
        return not self.findings


def verify(log: Iterable[Entry], keys: PublicKeys, witnesses: Iterable[Witness] = (), payloads: bool = True) -> Report:
    """Examine every entry of a log, then every head, then what was kept elsewhere. `keys`: those that may seal.

    Without `payloads` the log is a copy that has none, which is no finding then.
    """
    examination = _Examination(keys)
    for entry in log:
        examination.take(entry)
    if payloads:
        examination.check_payloads()
    examination.check_heads()
    for witness in witnesses:
        examination.hear(witness)
    return examination.report()


def verify_store(store: DecisionStore, keys: PublicKeys, witnesses: Iterable[Witness] = ()) -> Report:
    """As `verify`, and that the store counts no fewer rows for a token than the log shows."""
    report = verify(entries(store), keys, witnesses)
    short = [hand for hand, rows in report.rows.items() if store.rows_shown([hand]) < rows]
    found = [Finding(0, "row_count", f"rows shown under token {hand[:16]}… are counted too low") for hand in short]
    report.findings.extend(found)
    report.findings.sort()
    return report


class _Examination:
    def __init__(self, keys: PublicKeys) -> None:
        self._keys = keys
        self._tree = LeafTree()
        self._entries: list[tuple[int, bytes]] = []
        """Sequence and seal of each leaf of the tree."""
        self._leaves: dict[int, bytes] = {}
        self._findings: dict[int, Finding] = {}
        self._unpaid: list[int] = []
        """Entries whose payload is not there."""
        self._erased: list[tuple[int, int]] = []
        self._heads: list[tuple[int, Head]] = []
        self._rows: dict[str, int] = {}
        self._records = self._covered = 0
        self._next = 1
        self._broken: int | None = None
        """The first sequence from which on the tree cannot be what it was."""

    def take(self, entry: Entry) -> None:
        if entry.sequence > self._next:
            what = f"entries {self._next} to {entry.sequence - 1} are" if entry.sequence - self._next > 1 else "it is"
            self._break(self._next, "removed", f"{what} not there")
        leaf = entry.leaf
        self._tree.add(leaf)
        self._leaves.setdefault(entry.sequence, leaf)
        self._entries.append((entry.sequence, entry.seal))
        if entry.sequence < self._next:
            self._break(entry.sequence, "moved", "it is there again, or out of order")
        self._next = max(self._next, entry.sequence + 1)
        try:
            envelope = entry.opened()
        except ValueError:
            self._break(entry.sequence, "altered", "it is no envelope")
            return
        if envelope.sequence != entry.sequence:
            self._break(entry.sequence, "moved", f"what is here was entry {envelope.sequence}")
        if envelope.erased and is_sealed(self._keys, leaf, entry.seal):
            self._erased += envelope.erased
        self._open(entry, envelope)

    def _open(self, entry: Entry, envelope: Envelope) -> None:
        self._records += envelope.kind in ("answer", "decision")
        if envelope.head is not None:
            self._heads.append((entry.sequence, envelope.head))
        for hand in set(envelope.chain):
            self._rows[hand] = self._rows.get(hand, 0) + envelope.rows
        if entry.payload is None and envelope.payload_hash:
            self._unpaid.append(entry.sequence)
        if entry.payload is not None and entry.payload.hash != envelope.payload_hash:
            self._find(entry.sequence, "altered", "its payload is not what was recorded")

    def check_payloads(self) -> None:
        """A payload may be missing only where an erasure says so."""
        erased = _Within(self._erased)
        for sequence in self._unpaid:
            if sequence not in erased:
                self._find(sequence, "payload_missing", "its payload is gone, and no erasure names it")

    def check_heads(self) -> None:
        """The newest good head vouches for all before it. What is beyond must show its own seal."""
        bad: list[tuple[int, Head]] = []
        for at, head in self._heads:
            if not is_signed(self._keys, head) or not 0 < head.size < at:
                self._break(at, "forged_head", "the head is not signed by our key for the entries before it")
            elif self._rooted(head):
                self._covered = max(self._covered, head.size)
            else:
                bad.append((at, head))
        for position, (sequence, seal) in enumerate(self._entries[self._covered :], self._covered + 1):
            if not is_sealed(self._keys, self._tree.get_leaf(position), seal):
                self._break(sequence, "altered", "our key did not seal it so: it was altered, or put there by another")
        for at, head in bad:
            if self._broken is None or self._broken > head.size:
                self._rewritten(head, f"the head in entry {at}")

    def hear(self, witness: Witness) -> None:
        """Compare with what was kept elsewhere. Leaves first: they name the entry, a head only the stretch."""
        size = self._next - 1
        for sequence, leaf in sorted(witness.leaves.items()):
            if sequence > size:
                self._break(size + 1, "truncated", f"{witness.name} has entries up to {max(witness.leaves)}")
                break
            if self._leaves.get(sequence, leaf) != leaf:
                self._break(sequence, "altered", f"{witness.name} has another entry here")
        for head in sorted(witness.heads, key=lambda head: head.size):
            if not is_signed(self._keys, head):
                self._find(head.size, "forged_head", f"a head in {witness.name} is not signed by our key")
            elif head.size > size:
                self._break(size + 1, "truncated", f"{witness.name} has a head of {head.size} entries")
            elif not self._rooted(head) and (self._broken is None or self._broken > head.size):
                self._rewritten(head, f"a head in {witness.name}")

    def report(self) -> Report:
        size = self._tree.get_size()
        root = self._tree.root(size).hex()
        findings, missing = sorted(self._findings.values()), len(self._unpaid)
        return Report(self._records, len(self._heads), missing, self._covered, root, findings, self._rows)

    def _rooted(self, head: Head) -> bool:
        return head.size <= self._tree.get_size() and self._tree.root(head.size).hex() == head.root

    def _rewritten(self, head: Head, said: str) -> None:
        good = max([h.size for _, h in self._heads if h.size < head.size and self._rooted(h)], default=0)
        self._break(good + 1, "rewritten", f"entries {good + 1} to {head.size} are not those under {said}")

    def _break(self, sequence: int, what: What, detail: str) -> None:
        self._find(sequence, what, detail)
        self._broken = sequence if self._broken is None else min(self._broken, sequence)

    def _find(self, sequence: int, what: What, detail: str) -> None:
        self._findings.setdefault(sequence, Finding(sequence, what, detail))


class _Within:
    """Membership in runs of sequences, which may overlap."""

    def __init__(self, runs: Runs) -> None:
        self._sequences = {sequence for first, last in runs for sequence in range(first, last + 1)}

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._sequences
