"""Whether a past time can be answered for: only where every version of every asked source is known. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas.answer import SourceStatus
from schemas.contract import Contract
from schemas.errors import AsOfUnavailable


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the past, and what time it is now. `since`: see `HistoryReader.since`."""

    contracts: Mapping[str, Contract]
    since: Mapping[str, int]
    now_ms: int


def require_known(as_of_ms: int, searched: Collection[str], statuses: Collection[SourceStatus], known: Known) -> None:
    """Raise AsOfUnavailable, naming each source that cannot be answered for and since when it could be."""
    if as_of_ms > known.now_ms:
        raise AsOfUnavailable("as_of_ms lies in the future")
    asked = [status for status in statuses if status.source in searched]
    wrong = [f"{one.source} {why}" for one in asked for why in _problems(as_of_ms, one, known)]
    if wrong:
        remedy = "; ask fewer sources with `sources`" if len(wrong) < len(asked) else ""
        raise AsOfUnavailable(f"as_of_ms {as_of_ms} cannot be answered: {'; '.join(wrong)}{remedy}")


def _problems(as_of_ms: int, status: SourceStatus, known: Known) -> Iterator[str]:
    contract = known.contracts[status.source]
    retention, since_ms = contract.freshness.history, known.since.get(status.source)
    if contract.enforced():
        yield "is confirmed at its database, which knows only what is current"
    elif retention is None:
        yield "keeps no history (its contract may say so: freshness: {history: 7d})"
    elif since_ms is None:
        yield "has no history yet: the stream job begins it"
    else:
        first_ms = max(since_ms, known.now_ms - round(retention * 1000))
        if as_of_ms < first_ms:
            yield f"is known since {first_ms} ({_written(first_ms)})"
    if status.watermark_ms is None or as_of_ms >= status.watermark_ms:
        until = "nowhere yet" if status.watermark_ms is None else f"before {status.watermark_ms}"
        yield f"is searchable {until} (ask again later)"


def _written(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
