"""Signed tree heads: what the whole log was at a moment. A head is an entry of the log itself, so that it is copied
and exported with the others; the newest is also noted in a file beside the keys.

Whoever signs first checks every entry since the last head: nothing is signed over what somebody altered.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from query.decisions.entry import Draft, Entry, new_id, sealed
from query.decisions.keys import PublicKeys, is_sealed, is_signed, sign_head
from query.decisions.store import DecisionStore, entries
from query.decisions.tree import Frontier
from schemas.decision import Envelope, Head
from schemas.errors import FreshlineError

log = logging.getLogger("freshline.query")
NOTE = "head.json"


class LogAltered(FreshlineError):
    """The decision log is not as it was written; run: freshline audit verify."""

    code = "log_altered"


class Sealer:
    """Signs heads, one process at a time. `note` is the file of the newest head. Not thread-safe."""

    def __init__(
        self,
        store: DecisionStore,
        key: Ed25519PrivateKey,
        public_keys: PublicKeys,
        note: Path,
        now_ms: Callable[[], int],
    ) -> None:
        self._store, self._key, self._public_keys, self._note, self._now_ms = store, key, public_keys, note, now_ms
        self._frontier: Frontier | None = None
        self._covered = self._newest = 0
        """Entries under the newest head; the newest entry that is no head."""

    def seal(self) -> Head | None:
        """Sign the log as it is, if anything but heads is new.

        Raises LogAltered, and signs nothing, when an entry or head since the last one is not as it was written;
        Unavailable when the store is away.
        """
        if self._frontier is None:
            self._frontier = self._resume()
        for entry in entries(self._store, self._frontier.size):
            self._take(self._frontier, entry)
        if self._newest <= self._covered:
            return None
        size, peaks, root = self._frontier.size, self._frontier.peaks, self._frontier.root()
        head = sign_head(self._key, self._now_ms(), size, peaks, root)
        envelope = Envelope(sequence=0, id=new_id(), kind="head", at_ms=head.at_ms, head=head)
        self._store.append(lambda first: [sealed(Draft(envelope), first, self._key)])
        self._covered = size
        write_note(self._note, head)
        return head

    def _take(self, frontier: Frontier, entry: Entry) -> None:
        leaf = entry.leaf
        if entry.sequence != frontier.size + 1 or not is_sealed(self._public_keys, leaf, entry.seal):
            raise LogAltered(f"entry {frontier.size + 1} of the decision log is not as it was written")
        envelope = entry.opened()
        if envelope.sequence != entry.sequence:
            raise LogAltered(f"entry {entry.sequence} of the decision log was moved there")
        frontier.add(leaf)
        if envelope.head is None:
            self._newest = entry.sequence
        elif envelope.head.size > self._covered:
            self._covered = envelope.head.size

    def _resume(self) -> Frontier:
        """From the newest head in the store, which must not be older than the one noted."""
        newest, noted = self._store.find(kind="head"), read_note(self._note)
        if not newest:
            if noted is not None:
                raise LogAltered(f"the decision log had {noted.size} entries under {self._note.name}, and has no head")
            return Frontier()
        head = newest[0].opened().head
        frontier = _frontier_of(head, self._public_keys) if head else None
        if head is None or frontier is None:
            raise LogAltered(f"the newest head of the decision log (entry {newest[0].sequence}) is not ours")
        if noted is not None and noted.size > head.size:
            raise LogAltered(f"the decision log had {noted.size} entries under its last head, and now {head.size}")
        if noted is not None and noted.size == head.size and noted.root != head.root:
            raise LogAltered(f"the decision log of {head.size} entries has another root than {self._note.name} says")
        self._covered = self._newest = head.size
        return frontier


def write_note(file: Path, head: Head) -> None:
    """The newest head in a file, whole or not at all. What cannot be written is logged: the log itself has it."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        draft.write_text(head.model_dump_json() + "\n")
        draft.replace(file)
    except OSError as error:
        log.error("the newest head of the decision log is not noted in %s: %s", file, error.strerror)


def read_note(file: Path) -> Head | None:
    """The head a file holds; None where there is no file. Raises LogAltered for anything else."""
    try:
        return Head.model_validate_json(file.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError):
        raise LogAltered(f"{file} does not hold a head of the decision log") from None


def _frontier_of(head: Head, keys: PublicKeys) -> Frontier | None:
    """The tree as a head left it; None unless the head is signed and its peaks fold to its root."""
    try:
        frontier = Frontier.of(head.size, [bytes.fromhex(peak) for peak in head.peaks])
    except ValueError:
        return None
    return frontier if is_signed(keys, head) and frontier.root().hex() == head.root else None
