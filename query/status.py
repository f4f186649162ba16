"""How far each source is searchable, as its watermark says."""

from collections.abc import Iterable

from query.view import PermissionView
from schemas.answer import SourceState, SourceStatus
from schemas.contract import Contract
from schemas.position import lsn_of
from schemas.progress import Progress

BEAT_TOLERANCE_MS = 1000
"""An idle source's watermark moves with its heartbeat, every half second, and is measured a moment later."""
_DETAILS: dict[SourceState, str] = {
    "fresh": "",
    "late": "behind its SLO: its latest changes may be missing",
    "unknown": "no watermark yet: its snapshot runs, or nothing was heard of it; nothing of it is shown",
    "withheld": "too far behind for its permissions to be trusted; nothing of it is shown",
}
_AHEAD = "its clock is far ahead of ours, so its lag is not known; nothing of it is shown"


def statuses(
    contracts: Iterable[Contract], view: PermissionView, lag_limit_s: float, now_ms: int
) -> list[SourceStatus]:
    """One status per contract, in order. Lag is `now_ms` − watermark, never below 0.

    A watermark further in the future than the lag limit proves nothing, so such a source is withheld too.
    """
    return [
        _with_stopped(_status(contract, known, lag_limit_s, now_ms), known.stopped if known else ())
        for contract in contracts
        for known in [view.progress(contract.source)]
    ]


def is_shown(status: SourceStatus) -> bool:
    """Whether rows of the source may be searched."""
    return status.state in ("fresh", "late")


def _with_stopped(status: SourceStatus, stopped: tuple[str, ...]) -> SourceStatus:
    """A source with stopped tables is late at best: their last good version is shown, and said to be old."""
    status = status.model_copy(update={"stopped": list(stopped)})
    if not stopped or not is_shown(status):
        return status
    detail = f"stopped, last good version shown: {', '.join(stopped)}; see freshline sources status"
    return status.model_copy(update={"state": "late", "detail": detail})


def _status(contract: Contract, known: Progress | None, lag_limit_s: float, now_ms: int) -> SourceStatus:
    slo_ms, watermark_ms = round(contract.freshness.slo * 1000), known.watermark_ms if known else None
    ahead = watermark_ms is not None and watermark_ms - now_ms > lag_limit_s * 1000
    lag_ms = None if watermark_ms is None or ahead else max(0, now_ms - watermark_ms)
    state: SourceState
    if watermark_ms is None:
        state = "unknown"
    elif lag_ms is None or lag_ms > lag_limit_s * 1000:
        state = "withheld"
    else:
        state = "fresh" if lag_ms <= slo_ms + BEAT_TOLERANCE_MS else "late"
    return SourceStatus(
        source=contract.source,
        state=state,
        watermark_ms=watermark_ms,
        lag_ms=lag_ms,
        slo_ms=slo_ms,
        detail=_AHEAD if ahead else _DETAILS[state],
        position=lsn_of(known.position) if known else None,
    )
