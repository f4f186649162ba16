"""What a question demands of freshness (`max_staleness_seconds`, `after`), and whether it is met.

An answer shows at least what a watermark that was known before the search says. So its age is reckoned from that
watermark to the end of the answer: a verdict `within` holds at the moment the answer leaves.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from query.asker import Mandate
from query.authorize import Grounds
from query.capabilities.reach import reachable
from query.status import is_shown, statuses
from schemas.answer import Question, SourceStatus, Verdict
from schemas.errors import InvalidQuestion, NotYetSearchable, TooStale
from schemas.position import lsn_number

NONE_SHOWN = "nothing of it is shown"


@dataclass(frozen=True, slots=True)
class Unmet:
    """What keeps a question from being answered now, in words that name the sources; empty = nothing."""

    unreached: Sequence[str] = ()
    stale: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.unreached or self.stale)

    def refuse(self) -> None:
        """Raises NotYetSearchable or TooStale, if there is anything."""
        if self.unreached:
            raise NotYetSearchable(f"not yet searchable up to where `after` says: {'; '.join(self.unreached)}")
        if self.stale:
            raise TooStale(f"further behind than the question allows: {'; '.join(self.stale)}")


def unmet(grounds: Grounds, mandate: Mandate, question: Question, now_ms: int) -> Unmet:
    """What of the question's demands is not met now (ms since 1970, UTC); staleness that is only flagged is none.

    Raises InvalidQuestion for a source that the asker cannot ask, in the words that a question of it gets.
    """
    if not question.after and question.max_staleness_seconds is None:
        return Unmet()
    known = reachable(mandate, grounds.contracts)
    _require_known(question, known)
    states = statuses((grounds.contracts[s] for s in known), grounds.view, grounds.lag_limit_s, now_ms)
    asked = states if question.sources is None else [s for s in states if s.source in question.sources]
    return _unmet(question, {s.source: s for s in states}, _with_verdicts(asked, question, now_ms))


def judged(asked: Sequence[SourceStatus], question: Question, ended_ms: int) -> tuple[list[SourceStatus], bool]:
    """At the end of an answer: the statuses it was made by, with verdicts, and whether any is beyond.

    `ended_ms`: now, since 1970, UTC. Raises TooStale, and NotYetSearchable where a source that `after` names was asked
    and left out in the end.
    """
    told = _with_verdicts(asked, question, ended_ms)
    of_asked = {status.source: status for status in told}
    after = {source: lsn for source, lsn in (question.after or {}).items() if source in of_asked}
    _unmet(question.model_copy(update={"after": after}), of_asked, told).refuse()
    return told, any(status.verdict == "beyond" for status in told)


def _unmet(question: Question, states: Mapping[str, SourceStatus], asked: Iterable[SourceStatus]) -> Unmet:
    beyond = [status for status in asked if status.verdict == "beyond"] if question.on_stale != "flag" else []
    return Unmet(
        [_unreached(states[s], lsn) for s, lsn in (question.after or {}).items() if not _reached(states[s], lsn)],
        [_stale(status, _allowed(question, status.source) or 0) for status in beyond],
    )


def _require_known(question: Question, known: Collection[str]) -> None:
    budgets = question.max_staleness_seconds
    named = dict.fromkeys((*(question.after or ()), *(budgets if isinstance(budgets, dict) else ())))
    unknown = ", ".join(repr(source) for source in named if source not in known)
    if unknown:
        told = ", ".join(sorted(known)) or "none is configured"
        raise InvalidQuestion(f"unknown source {unknown}; known sources: {told}")


def _allowed(question: Question, source: str) -> float | None:
    """Seconds; None = any."""
    allowed = question.max_staleness_seconds
    return allowed.get(source) if isinstance(allowed, dict) else allowed


def _with_verdicts(asked: Iterable[SourceStatus], question: Question, now_ms: int) -> list[SourceStatus]:
    return [
        status if allowed is None else status.model_copy(update={"verdict": _verdict(status, allowed, now_ms)})
        for status in asked
        for allowed in [_allowed(question, status.source)]
    ]


def _verdict(status: SourceStatus, allowed_s: float, now_ms: int) -> Verdict:
    """A source of which nothing, or a table's old version, is shown is beyond whatever is allowed."""
    if not _is_whole(status) or status.watermark_ms is None:
        return "beyond"
    return "within" if now_ms - status.watermark_ms <= allowed_s * 1000 else "beyond"


def _reached(status: SourceStatus, lsn: str) -> bool:
    return _is_whole(status) and status.position is not None and lsn_number(status.position) >= lsn_number(lsn)


def _is_whole(status: SourceStatus) -> bool:
    return is_shown(status) and not status.stopped


def _unreached(status: SourceStatus, lsn: str) -> str:
    reason = _broken(status)
    return f"{status.source} ({reason or f'at {status.position}, asked for {lsn}'})"


def _stale(status: SourceStatus, allowed_s: float) -> str:
    behind = "" if status.lag_ms is None else f"{status.lag_ms / 1000:g} s behind, "
    return f"{status.source} ({_broken(status) or f'{behind}{allowed_s:g} s allowed'})"


def _broken(status: SourceStatus) -> str:
    if not is_shown(status):
        return f"{status.state}, {NONE_SHOWN}"
    return f"stopped: {', '.join(status.stopped)}" if status.stopped else ""
