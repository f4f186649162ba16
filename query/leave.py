"""What leaves: the best records that pass every check at the end, without a gap where one did not."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from query.asker import Asker
from query.ranking.pick import EVERY, Rule
from query.ranking.scored import Key, Permits, Scored
from query.ranking.top import Ranked
from query.redact import Redactor
from query.source.confirm import Confirmation, Leaving, Sources
from schemas.access import AccessFilter
from schemas.answer import SourceStatus
from schemas.errors import SourceUnconfirmed
from schemas.label import LabelId


class Top(Protocol):
    """The records within a filter down to the `k`-th that is picked."""

    def __call__(self, access: AccessFilter, k: int, /) -> Ranked: ...


MOST_ROUNDS = 8
SPARE = 16
"""Records looked at beyond those wanted where some may be kept back at the end. Up to so many that are kept back, no
further round is needed: neither the time that an answer takes nor its timings tell that there are any."""


@dataclass(frozen=True, slots=True)
class Guards:
    """The checks at the end."""

    sources: Sources
    redactor: Redactor

    def may_withhold(self, access: AccessFilter) -> bool:
        """Whether anything within the filter could be kept back; the same whatever the index holds."""
        return self.redactor.omits or not access.sources.isdisjoint(self.sources.confirming)

    def certain(self, asker: Asker, access: AccessFilter, unsure: frozenset[LabelId]) -> AccessFilter:
        """The part of the filter of which nothing can be kept back at the end. `unsure`: labels judged row by row."""
        return access.without(self.redactor.omitting(asker) | self.sources.confirming.keys(), unsure)


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, within which filter; `attributes` gives those of a visible label.

    `permits` judges records by what the filter does not say; what `top` gives is judged already.
    """

    asker: Asker
    access: AccessFilter
    attributes: Callable[[LabelId], Mapping[str, str]]
    permits: Permits


@dataclass(frozen=True, slots=True)
class Left:
    """What may leave, best first.

    `withheld` counts by reason what did not: for the record and for operators, never for the asker, as it would tell
    of rows that are denied. `unconfirmed`: sources whose database did not answer, so that nothing of it is shown.
    `last`: where the last record stands in the order, None if there are fewer than were asked for.
    """

    records: list[Leaving]
    exact: bool
    withheld: Counter[str] = field(default_factory=Counter)
    unconfirmed: frozenset[str] = frozenset()
    last: Key | None = None


def leave(guards: Guards, asking: Asking, top: Top, k: int, rule: Rule = EVERY) -> Left:
    """The k best records that pass: confirmed at their source where its contract says so, redacted, and then picked,
    by what they say as they are shown.

    What does not pass makes room for the next one, so that denied looks the same as absent. `top` is called again for
    more as long as there are any; each call is judged by itself, as in `exact_top`. Raises SourceUnconfirmed where a
    database did not answer in time and there is nothing else to show.
    """
    confirmation = Confirmation(guards.sources, asking.asker, asking.access)
    known, omitted = dict[str, Leaving | None](), set[str]()
    wanted = k + SPARE if guards.may_withhold(asking.access) else k
    for _ in range(MOST_ROUNDS):
        access = asking.access.without(frozenset(confirmation.unconfirmed))
        ranked = top(access, wanted)
        new = [one for one in ranked.records if _version(one) not in known]
        for one, leaving in zip(new, _judged(asking, confirmation.confirm(new)), strict=True):
            known[_version(one)] = shown = leaving and _redacted(guards.redactor, asking, leaving)
            omitted |= {_version(one)} if leaving and not shown else set()
        passed, last = _picked([(one, known[_version(one)]) for one in ranked.records], k, rule)
        ended = ranked.ended or len(ranked.records) < wanted
        complete = len(passed) == k or (ended and access.sources.isdisjoint(confirmation.unconfirmed))
        if complete:
            break
        wanted *= 4
    withheld = Counter[str](confirmation.withheld) + Counter(redacted=len(omitted))
    if not passed and confirmation.unconfirmed:
        raise SourceUnconfirmed()
    return Left(passed, ranked.exact and complete, withheld, frozenset(confirmation.unconfirmed), last)


def told(statuses: list[SourceStatus], unconfirmed: frozenset[str]) -> list[SourceStatus]:
    """The statuses, with sources that could not be confirmed as withheld."""
    detail = "its database could not confirm in time what may be shown; what it did not confirm is not shown"
    return [
        status.model_copy(update={"state": "withheld", "detail": detail}) if status.source in unconfirmed else status
        for status in statuses
    ]


def _picked(records: Sequence[tuple[Scored, Leaving | None]], k: int, rule: Rule) -> tuple[list[Leaving], Key | None]:
    """The first k of what passed that the rule picks, each with those that say the same; the key of the k-th."""
    picking, picked, last = rule.begin(), list[Leaving](), None
    for one, leaving in records:
        if leaving is not None and picking.picks(leaving.scored.found.row, one.key):
            picked.append(leaving)
            if len(picked) == k:
                last = one.key
                break
    return [replace(each, duplicates=tuple(picking.duplicates(each.scored.found.row))) for each in picked], last


def _judged(asking: Asking, checked: list[Leaving | None]) -> list[Leaving | None]:
    """What is no longer as the index found it is judged again, as it is now."""
    changed = [leaving for leaving in checked if leaving is not None and leaving.changed]
    permitted = asking.permits([leaving.scored for leaving in changed])
    denied = {id(leaving) for leaving, may in zip(changed, permitted, strict=True) if not may}
    return [None if id(leaving) in denied else leaving for leaving in checked]


def _redacted(redactor: Redactor, asking: Asking, leaving: Leaving) -> Leaving | None:
    row = leaving.scored.found.row
    shown = redactor.redacted(row, asking.asker, asking.attributes(row.label))
    if shown is None or shown is row:
        return leaving if shown is row else None
    return replace(leaving, scored=replace(leaving.scored, found=replace(leaving.scored.found, row=shown)))


def _version(one: Scored) -> str:
    row = one.found.row
    return f"{row.chunk_id} {row.position} {row.label}"
