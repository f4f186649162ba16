"""What an asker may search: the only maker of an AccessFilter."""

from collections.abc import Mapping
from dataclasses import dataclass

from query.clock import Instant
from query.principal import Principal
from query.status import is_shown, statuses
from query.view import PermissionView, Visibility
from schemas.access import AccessFilter
from schemas.answer import Question, SourceStatus
from schemas.contract import Contract
from schemas.errors import InvalidQuestion, PermissionsUnknown


@dataclass(frozen=True, slots=True)
class Authorized:
    """What the search may touch, the status of each source asked, and why each label is visible."""

    access: AccessFilter
    statuses: list[SourceStatus]
    visibility: Visibility


def authorize(
    principal: Principal,
    question: Question,
    view: PermissionView,
    contracts: Mapping[str, Contract],
    lag_limit_s: float,
    now: Instant,
) -> Authorized:
    """Decide what of the asked sources `principal` may search now.

    Only sources whose watermark is known and within the limit are searched. What rows of the others grant is
    not believed either, wherever the granted rows are. Raises InvalidQuestion for a source nobody configured,
    and PermissionsUnknown when the view is incomplete or too old, or no asked source may be searched.
    """
    asked = _asked(question, contracts)
    require_current(view, lag_limit_s, now)
    states = {status.source: status for status in statuses(contracts.values(), view, lag_limit_s, now.wall_ms)}
    shown = frozenset(source for source in asked if is_shown(states[source]))
    if not shown:
        raise PermissionsUnknown("none of the sources asked is up to date enough to be shown; ask again later")
    trusted = {source for source, status in states.items() if is_shown(status)}
    granting = view.granting_sources | {name for name, contract in contracts.items() if _grants(contract)}
    visibility = view.visible(principal, doubted=frozenset(granting - trusted))
    return Authorized(AccessFilter(visibility.labels, shown), [states[source] for source in asked], visibility)


def require_current(view: PermissionView, lag_limit_s: float, now: Instant) -> None:
    """Raises PermissionsUnknown unless the view was complete within the last `lag_limit_s` seconds."""
    if view.as_of is None or now.steady - view.as_of > lag_limit_s:
        raise PermissionsUnknown()


def _asked(question: Question, contracts: Mapping[str, Contract]) -> list[str]:
    asked = list(contracts) if question.sources is None else list(dict.fromkeys(question.sources))
    unknown = [source for source in asked if source not in contracts]
    if unknown or not asked:
        known = ", ".join(sorted(contracts)) or "none is configured"
        named = f"unknown source {', '.join(map(repr, unknown))}" if unknown else "no source is asked"
        raise InvalidQuestion(f"{named}; known sources: {known}")
    return asked


def _grants(contract: Contract) -> bool:
    return any(table.relation for table in contract.tables.values())
