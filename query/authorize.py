"""What an asker may search: the only maker of an AccessFilter."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from query.asker import Asker, Circumstances, Operation
from query.capabilities.reach import within
from query.clock import Instant
from query.policies.ceiling import within_ceiling
from query.policies.gate import PolicyGate
from query.policies.ruling import Ruling
from query.status import is_shown, statuses
from query.view import PermissionView, Visibility
from schemas.access import AccessFilter
from schemas.answer import Question, SourceStatus
from schemas.contract import Contract
from schemas.errors import InvalidQuestion, PermissionsUnknown
from schemas.label import LabelId


@dataclass(frozen=True, slots=True)
class Grounds:
    """What decides: labels and relations, contracts by source, policies; and the lag beyond which nothing is shown."""

    view: PermissionView
    contracts: Mapping[str, Contract]
    policies: PolicyGate
    lag_limit_s: float


@dataclass(frozen=True, slots=True)
class Authorized:
    """What the search may touch, the status of each source asked, and why each label is visible.

    Records whose label is in `unsure` must be judged by `ruling`, one by one, before they leave.
    """

    access: AccessFilter
    statuses: list[SourceStatus]
    visibility: Visibility
    ruling: Ruling
    unsure: frozenset[LabelId]


def authorize(
    asker: Asker,
    question: Question,
    circumstances: Circumstances,
    grounds: Grounds,
    now: Instant,
    operation: Operation = "search",
) -> Authorized:
    """Decide what of the asked sources `asker` may search now: what relations let it reach, below its token's ceiling,
    and not forbidden by a policy.

    Only sources whose watermark is known and within the limit are searched. What rows of the others grant is not
    believed either, wherever the granted rows are. Raises InvalidQuestion for a source nobody configured or the token
    does not name, PermissionsUnknown when the view is incomplete or too old or no asked source may be searched, and
    PolicyBroken.
    """
    view, contracts = grounds.view, grounds.contracts
    asked = _asked(within(asker.mandate, question, contracts), contracts)
    require_current(view, grounds.lag_limit_s, now)
    states = {s.source: s for s in statuses(contracts.values(), view, grounds.lag_limit_s, now.wall_ms)}
    shown = frozenset(source for source in asked if is_shown(states[source]))
    if not shown:
        raise PermissionsUnknown("none of the sources asked is up to date enough to be shown; ask again later")
    visibility = view.visible(asker.principal, doubted=_doubted(grounds, states.values()))
    below = within_ceiling(visibility.labels, visibility.definitions, asker.mandate.ceiling)
    ruling = grounds.policies.rule(asker, operation, circumstances)
    narrowed = ruling.narrow(below, visibility.definitions, shown)
    access = AccessFilter(narrowed.labels, narrowed.sources)
    return Authorized(access, [states[source] for source in asked], visibility, ruling, narrowed.unsure)


def doubted_sources(grounds: Grounds, now: Instant) -> frozenset[str]:
    """Sources whose rows grant something and are too far behind to be believed."""
    states = statuses(grounds.contracts.values(), grounds.view, grounds.lag_limit_s, now.wall_ms)
    return _doubted(grounds, states)


def require_current(view: PermissionView, lag_limit_s: float, now: Instant) -> None:
    """Raises PermissionsUnknown unless the view was complete within the last `lag_limit_s` seconds."""
    if view.as_of is None or now.steady - view.as_of > lag_limit_s:
        raise PermissionsUnknown()


def _doubted(grounds: Grounds, states: Collection[SourceStatus]) -> frozenset[str]:
    """What a table grants is not believed either while it has stopped: news of it are not read."""
    trusted = {status.source for status in states if is_shown(status)}
    granting = {name: contract.granting() for name, contract in grounds.contracts.items()}
    halted = {name for name, tables in granting.items() if tables & {*grounds.view.stopped_tables(name)}}
    grants = grounds.view.granting_sources | {name for name, tables in granting.items() if tables}
    return frozenset(grants - (trusted - halted))


def _asked(question: Question, contracts: Mapping[str, Contract]) -> list[str]:
    asked = list(contracts) if question.sources is None else list(dict.fromkeys(question.sources))
    unknown = [source for source in asked if source not in contracts]
    if unknown or not asked:
        known = ", ".join(sorted(contracts)) or "none is configured"
        named = f"unknown source {', '.join(map(repr, unknown))}" if unknown else "no source is asked"
        raise InvalidQuestion(f"{named}; known sources: {known}")
    return asked
