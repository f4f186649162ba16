"""How far each source is, for operators: read from Kafka and the index themselves, without the API."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from connectors.kafka_admin import KafkaAdmin
from connectors.status import last_progress
from index.milvus import MilvusStore
from index.milvus_generations import MilvusGenerations
from query.freshness.counts import Counts, reading_of, with_counts
from query.status import statuses
from query.view import PermissionView
from schemas.answer import SourceFreshness, SourceStatus
from schemas.contract import Contract
from schemas.errors import IndexUnavailable
from schemas.progress import Progress
from schemas.settings import Settings, read_secret


class SourceLag(SourceFreshness):
    """A source as `freshline lag --json` prints it."""

    dead_letters_by_reason: dict[str, int] = Field(default_factory=dict)


class Lag:
    """Each contract's source, in their order, as the stream job last told; over the same connections each time.

    Blocking; changes nothing.
    """

    def __init__(self, contracts: Sequence[Contract], settings: Settings) -> None:
        self._contracts, self._limit_s = contracts, settings.permission_lag_limit
        self._kafka = KafkaAdmin(settings.kafka, settings.request_timeout)
        self._counts = reading_of(settings, contracts, _Rows(settings))

    def __call__(self) -> list[SourceLag]:
        """Raises Unavailable("Kafka"); rows are None while the index is away."""
        return lags(self._contracts, self._limit_s, Reads(self._progress, self._counts))

    def _progress(self) -> Mapping[str, Progress]:
        return last_progress(self._kafka, {contract.source for contract in self._contracts})


@dataclass(frozen=True, slots=True)
class Reads:
    """What `lags` reads, in this order: progress, the clock (ms since 1970, UTC), counts by source."""

    progress: Callable[[], Mapping[str, Progress]]
    counts: Callable[[], Mapping[str, Counts]]
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000


def lags(contracts: Sequence[Contract], lag_limit_s: float, reads: Reads) -> list[SourceLag]:
    """Each source, in their order. Counting comes after the clock, so the time that it takes is not told as lag."""
    progress = reads.progress()
    told = told_by(contracts, progress, lag_limit_s, reads.now_ms())
    counts = reads.counts()
    return [with_reasons(status, counts[status.source]) for status in told]


def told_by(
    contracts: Sequence[Contract], progress: Mapping[str, Progress], lag_limit_s: float, now_ms: int
) -> list[SourceStatus]:
    """The status of each source by its last progress, as the API would tell it. Pure."""
    view = PermissionView()
    for each in progress.values():
        view.advance(each)
    return statuses(contracts, view, lag_limit_s, now_ms)


def with_reasons(status: SourceStatus, counts: Counts) -> SourceLag:
    """All that is known of a source."""
    return SourceLag(**with_counts(status, counts).model_dump(), dead_letters_by_reason=dict(counts.letters or {}))


class _Rows:
    """Counts in the generation of the index that is live at that moment."""

    def __init__(self, settings: Settings) -> None:
        self._place = (settings.milvus_uri, read_secret(settings.milvus_token_file), settings.collection)
        self._generations = MilvusGenerations(*self._place)
        self._live: tuple[int, MilvusStore] | None = None

    def __call__(self, source: str) -> int:
        number = self._generations.live_number()
        if number is None:
            raise IndexUnavailable()
        if self._live is None or self._live[0] != number:
            self._live = number, MilvusStore(*self._place, generation=number)
        return self._live[1].count(source)
