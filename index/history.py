"""The port to the past: versions that newer ones superseded, for the sources whose contracts keep them.

A row is a chunk of a version that was current from its commit until the next version's. It is written before that next
version is, so that a reader who looks at the index first, and at the history then, misses none. Who may see a record
now is never taken from here: `labels_now` tells what the index says of that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from index.store import Found, Row, Vector, Within
from index.words import Weights
from schemas.access import AccessFilter
from schemas.label import LabelId
from schemas.position import Position


@dataclass(frozen=True, slots=True)
class Superseded:
    """A chunk of a version that was current from `row.commit_ms` until just before `until_ms` (ms since 1970, UTC)."""

    row: Row
    until_ms: int

    @property
    def version_id(self) -> str:
        """The same however often it is kept: neither a relabel nor a repetition moves a version's commit time."""
        return f"{self.row.record_id}@{self.row.commit_ms}#{self.row.chunk}"


class HistoryReader(Protocol):
    """What who asks needs. Blocking; safe to call from several threads. Raises IndexUnavailable when away."""

    def since(self) -> Mapping[str, int]:
        """Source -> from when on (ms since 1970, UTC) every version of it is known. Sources without are left out."""

    def search(self, vector: Vector, access: AccessFilter, limit: int, within: Within) -> list[Found]:
        """As `ChunkReader.search`, of what was superseded since and current at `within.committed_by`."""

    def weigh_words(self, text: str, access: AccessFilter, within: Within) -> Weights:
        """As `ChunkReader.weigh_words`, of what was superseded since and current at `within.committed_by`."""

    def search_words(self, words: Weights, access: AccessFilter, limit: int, within: Within) -> list[Found]:
        """As `ChunkReader.search_words`, of what was superseded since and current at `within.committed_by`."""

    def labels_now(self, record_ids: Sequence[str]) -> dict[str, LabelId]:
        """Those of the records that the index has now; of others nothing."""


class HistoryWriter(Protocol):
    """What the stream job needs. Blocking, idempotent. Raises IndexUnavailable when away."""

    def since(self) -> Mapping[str, int]:
        """As `HistoryReader.since`."""

    def begin(self, source: str, since_ms: int) -> None:
        """Claim to know every version from then on; a later claim stands."""

    def end(self, source: str) -> None:
        """Claim nothing of a source any more, and remove all that is kept of it."""

    def keep(self, rows: Sequence[Superseded]) -> None:
        """Raises Rejected(index_refused) if the store refuses the content."""

    def relabel(self, labels: Mapping[str, LabelId]) -> None:
        """Record id -> the label that all its versions have from now on."""

    def forget(self, record_ids: Sequence[str]) -> None:
        """Remove all versions of these records."""

    def truncate(self, source: str, table: str, position: Position) -> None:
        """Remove all versions of a table's records that are older than `position`."""

    def expire(self, source: str, before_ms: int) -> None:
        """Remove what was superseded before then. Bounded work: call it again for what is left."""
