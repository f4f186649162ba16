"""How far each source is, for operators: read from Kafka and the index themselves, without the API."""

import time
from collections.abc import Mapping, Sequence

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


def lag(contracts: Sequence[Contract], settings: Settings) -> list[SourceLag]:
    """Each contract's source, in their order, as the stream job last told. Blocking; changes nothing.

    Raises Unavailable("Kafka"); rows are None while the index is away.
    """
    kafka = KafkaAdmin(settings.kafka, settings.request_timeout)
    progress = last_progress(kafka, {contract.source for contract in contracts})
    counts = reading_of(settings, contracts, _Rows(settings))()
    told = told_by(contracts, progress, settings.permission_lag_limit, time.time_ns() // 1_000_000)
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
    """Counts in the live generation of the index, looked up once."""

    def __init__(self, settings: Settings) -> None:
        self._place = (settings.milvus_uri, read_secret(settings.milvus_token_file), settings.collection)
        self._store: MilvusStore | None = None

    def __call__(self, source: str) -> int:
        if self._store is None:
            live = MilvusGenerations(*self._place).live()
            if live is None:
                raise IndexUnavailable()
            self._store = MilvusStore(*self._place, generation=live.number)
        return self._store.count(source)
