"""The port to the index: what the writer and the reader need of a vector store, and nothing more."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from index.words import Weights
from schemas.access import AccessFilter
from schemas.label import LabelId
from schemas.position import NOWHERE, Position

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One chunk of one record. `key` and `metadata` are JSON text; times are ms since 1970, UTC.

    `chunk` counts from 0; chunk 0 is the record's head: it tells how many chunks the record has (`chunks`) and at
    which position it stands. `text_hash` names what was embedded, so that equal text is not embedded twice.
    """

    record_id: str
    source: str
    table: str
    key: str
    position: Position
    label: LabelId
    commit_ms: int
    event_ms: int
    chunk: int
    chunks: int
    title: str
    text: str
    url: str
    metadata: str
    text_hash: str
    vector: Vector = field(repr=False, compare=False)

    @property
    def chunk_id(self) -> str:
        return chunk_id(self.record_id, self.chunk)


@dataclass(frozen=True, slots=True)
class Held:
    """What the index holds of a record: its rows, or only the position at which it was deleted, or nothing.

    `position` is the highest of: where the record stands, where it was deleted, where its table was emptied.
    """

    position: Position = NOWHERE
    rows: tuple[Row, ...] = ()

    @property
    def chunks(self) -> int:
        return self.rows[0].chunks if self.rows else 0


@dataclass(frozen=True, slots=True)
class Version:
    """A record as it shall be: all its rows (none = deleted) at a position, and how many chunks the index had."""

    record_id: str
    position: Position
    rows: tuple[Row, ...]
    chunks_before: int


@dataclass(frozen=True, slots=True)
class Within:
    """Narrows a search beyond what its asker may see. Times are ms since 1970, UTC.

    `events_from`: source -> only its rows with an event at this time or later; sources that are not named are not
    narrowed. `among`: only these chunk ids. `committed_by`: only rows committed then or earlier.
    """

    events_from: Mapping[str, int] = field(default_factory=dict)
    among: frozenset[str] | None = None
    committed_by: int | None = None


EVERYTHING = Within()


@dataclass(frozen=True, slots=True)
class Found:
    """A row a search found (its vector empty), with its cosine similarity to the question, or its BM25 score."""

    row: Row
    similarity: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A chunk without its content: whose it is, and, in a record's head, how many chunks the record has."""

    chunk_id: str
    record_id: str
    table: str
    key: str
    position: Position
    chunk: int
    chunks: int

    @property
    def is_head(self) -> bool:
        return self.chunk == 0 and self.chunk_id == chunk_id(self.record_id, 0)

    def tells_of(self, other: "Mark") -> bool:
        """Whether this head's record has that chunk."""
        own = other.chunk_id == chunk_id(self.record_id, other.chunk)
        return own and other.record_id == self.record_id and 0 <= other.chunk < self.chunks


class ChunkReader(Protocol):
    """What who asks needs. Blocking; safe to call from several threads. Raises IndexUnavailable when away."""

    def held(self, record_ids: Sequence[str]) -> dict[str, Held]:
        """What the index holds of each record, with vectors. Every id asked for is in the result."""

    def head(self, record_id: str) -> Row | None:
        """The record's first chunk, in one call whatever the index holds of it: to be told to nobody unchecked."""

    def search(self, vector: Vector, access: AccessFilter, limit: int, within: Within = EVERYTHING) -> list[Found]:
        """The `limit` permitted chunks most similar to `vector`, most similar first. Exact, not approximate."""

    def weigh_words(self, text: str, access: AccessFilter) -> Weights:
        """The words of a question with their weights (idf), by how many permitted chunks have them; see `index.words`.
        Empty if none has any.

        Raises KeywordsUnavailable for a generation that was made before words were indexed.
        """

    def search_words(
        self, words: Weights, access: AccessFilter, limit: int, within: Within = EVERYTHING
    ) -> list[Found]:
        """The `limit` permitted chunks that match the words best, best first; `similarity` is their BM25 score, above
        0, and the same whatever the limit, the filter and the other chunks. Chunks without any of the words are not
        found. Title and text of a chunk count. Raises as `weigh_words`.
        """

    def count(self, source: str) -> int:
        """How many records of a source are searchable."""


class ChunkStore(ChunkReader, Protocol):
    """What the writer needs besides."""

    def write(self, versions: Sequence[Version]) -> None:
        """Make the index show these versions. Idempotent; after a crash midway, writing again completes it.

        No two versions of one record in a call. Raises Rejected(index_refused) if the store refuses the content.
        """

    def truncate(self, source: str, table: str, position: Position) -> None:
        """Remove every record of a table that is older than `position`; older ones that come later stay out.

        Idempotent. `Held.position` of any of its records is at least `position` from now on.
        """

    def sweep(self, record_ids: Sequence[str]) -> None:
        """Remove the chunks that name these records although no head tells of them. Idempotent."""


class ChunkAudit(ChunkReader, Protocol):
    """What who verifies the index needs besides: to see all there is, also what no head tells of."""

    def marks(self, source: str, table: str | None = None) -> Iterator[Sequence[Mark]]:
        """Every chunk of a source, or of one table, by rising chunk id, page by page. Not one moment: others write."""

    def strays(self, record_ids: Sequence[str]) -> dict[str, list[Mark]]:
        """Chunks that name these records although no head tells of them. Records without any are left out."""


def chunk_id(record_id: str, chunk: int) -> str:
    return f"{record_id}#{chunk}"
