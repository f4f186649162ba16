"""Why a principal sees a label, or what is missing: for operators who hold the keys.

An explanation names readers, groups and rows, so it tells that a record exists. To an asker goes only what
`for_asker` leaves of it.
"""

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

from query.principal import EVERYONE, Principal
from query.relations import PUBLIC
from query.rewrites import Part, split, type_of
from query.usersets import Bounds, Fact, Reach, Reached
from query.view import PermissionView
from schemas.label import LabelId
from schemas.rewrite import Exclusion, From, Intersection, This

Verdict = Literal["visible", "label_unknown", "other_tenant", "no_reader", "denied"]
_NONE: frozenset[str] = frozenset()
UNTOLD = LabelId(0)
_UNKNOWN = "a source that is too far behind, or a row that cannot be read, may say so"
_SAID: dict[Verdict, str] = {
    "visible": "sees it",
    "label_unknown": "does not see it: nobody defined this label yet",
    "other_tenant": "does not see it: it belongs to another tenant",
    "no_reader": "does not see it: is none of its readers",
    "denied": "does not see it: is denied, or may be",
}


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Model):
    """One userset the principal is in and what that follows from. `rows`: the ids of the rows that say so."""

    name: str
    because: str
    rows: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.because}" + (f" ({', '.join(self.rows)})" if self.rows else "")


class Entry(_Model):
    """One reader or denied entry of a label: whether the principal is in it, by which steps, and what it lacks."""

    name: str
    reached: bool
    steps: tuple[Step, ...] = ()
    lacks: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        yield f"{self.name}: {'yes' if self.reached else 'no'}"
        yield from (f"  {step}" for step in self.steps)
        yield from (f"  {lack}" for lack in self.lacks)


class Explanation(_Model):
    """What decided about a label. `doubted`: sources whose word did not count, sorted."""

    principal: str
    tenant: str
    label: LabelId
    verdict: Verdict
    readers: tuple[Entry, ...] = ()
    denied: tuple[Entry, ...] = ()
    doubted: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """For people: the verdict, then each entry with its steps."""
        lines = [f"{self.principal} of tenant {self.tenant} {_SAID[self.verdict]} (label {self.label})"]
        for title, entries in (("readers", self.readers), ("denied", self.denied)):
            lines += [f"{title}:"] if entries else []
            lines += [f"  {line}" for entry in entries for line in entry.lines()]
        if self.doubted:
            lines.append(f"not counted, as they are too far behind: {', '.join(self.doubted)}")
        return "\n".join(lines)

    def for_asker(self) -> "Explanation | None":
        """What the principal itself may be told: of a visible label, how it is reached; of another one nothing.

        Not the label's id either: it is a hash of all it says, so a guess at who else is in it could be checked.
        """
        if self.verdict != "visible":
            return None
        reached = tuple(
            entry.model_copy(update={"steps": tuple(step.model_copy(update={"rows": ()}) for step in entry.steps)})
            for entry in self.readers
            if entry.reached
        )
        return self.model_copy(update={"label": UNTOLD, "readers": reached, "denied": (), "doubted": ()})


def explain(
    view: PermissionView, principal: Principal, label_id: LabelId, doubted: frozenset[str] = _NONE
) -> Explanation:
    """Why the principal sees a label now, or what is missing. Same arguments as `PermissionView.visible`."""
    visibility = view.visible(principal, doubted)
    label = view.label(label_id)
    told = Explanation(
        principal=principal.name,
        tenant=principal.tenant,
        label=label_id,
        verdict="label_unknown" if label is None else "other_tenant",
        doubted=tuple(sorted(doubted)),
    )
    if label is None or label.tenant != principal.tenant:
        return told
    undoubted = view.visible(principal).bounds if doubted else visibility.bounds
    teller = _Teller(view, principal.tenant, visibility.bounds, undoubted)
    readers = tuple(teller.reader(name) for name in label.readers)
    denied = tuple(teller.denied(name) for name in label.denied)
    verdict: Verdict = "visible"
    if label_id not in visibility.labels:
        verdict = "denied" if any(entry.reached for entry in readers) else "no_reader"
    return told.model_copy(update={"verdict": verdict, "readers": readers, "denied": denied})


class _Teller:
    """Puts into words what the bounds of one principal hold. `undoubted`: the same if no source were doubted."""

    def __init__(self, view: PermissionView, tenant: str, bounds: Bounds, undoubted: Bounds) -> None:
        self._view = view
        self._tenant = tenant
        self._bounds = bounds
        self._undoubted = undoubted
        self._program = view.program

    def reader(self, name: str) -> Entry:
        certain = self._bounds.certain
        if name in certain.came_from:
            return Entry(name=name, reached=True, steps=self._steps(certain, name))
        return Entry(name=name, reached=False, lacks=tuple(self._lacks(name)))

    def denied(self, name: str) -> Entry:
        if not self._bounds.may_be(name):
            return Entry(name=name, reached=False)
        for reach in (self._bounds.certain, self._bounds.possible):
            if reach is not None and name in reach.came_from:
                return Entry(name=name, reached=True, steps=self._steps(reach, name))
        return Entry(name=name, reached=True, lacks=(f"nobody knows now: {_UNKNOWN}",))

    def _steps(self, reach: Reach, name: str) -> tuple[Step, ...]:
        """Every userset on the way to `name`, each once and after those it follows from."""
        needed: dict[Reached, None] = {name: None}
        waiting: list[Reached] = [name]
        for reached in waiting:
            new = [cause for cause in self._causes(reach, reached) if cause not in needed]
            needed |= dict.fromkeys(new)
            waiting += new
        return tuple(self._step(reach, found) for found in reach.came_from if found in needed)

    def _causes(self, reach: Reach, reached: Reached) -> list[Reached]:
        if isinstance(reached, str):
            whence = reach.came_from[reached]
            return [] if whence is None else [whence]
        if isinstance(self._program.expressions[reached.part], Intersection):
            return [Fact(reached.object, part) for part in self._program.inner[reached.part]]
        return [reach.facts[reached]]

    def _step(self, reach: Reach, name: str) -> Step:
        whence = reach.came_from[name]
        if whence is None:
            return Step(name=name, because="who asks")
        if isinstance(whence, Fact):
            rule = self._program.expressions[whence.part]
            leaves = list(self._leaves(reach, whence))
            because = " and ".join(dict.fromkeys(words for _, words in leaves))
            return Step(name=name, because=f"{because}, by `{rule}`", rows=tuple(r for rows, _ in leaves for r in rows))
        if name in (EVERYONE, PUBLIC):
            return Step(name=name, because="everyone of the tenant")
        return Step(name=name, because=f"{whence} is in it", rows=self._rows(whence, name))

    def _leaves(self, reach: Reach, whole: Fact) -> Iterator[tuple[tuple[str, ...], str]]:
        """What holds at the ends of one rewrite: the rows that say so, and words. Rewrites are shallow."""
        waiting, excluded = [whole], []
        for fact in waiting:
            expression, whence = self._program.expressions[fact.part], reach.facts[fact]
            if isinstance(whence, Fact):
                waiting += [cause for cause in self._causes(reach, fact) if isinstance(cause, Fact)]
                if isinstance(expression, Exclusion):
                    excluded.append(f"who asks is not in `{expression.minus}`")
            elif isinstance(expression, From):
                parent, _ = split(whence)
                rows = self._rows(parent, f"{fact.object}#{expression.tupleset}")
                yield rows, f"{whence} is in it, being {expression.tupleset} of {fact.object}"
            elif isinstance(expression, This):
                relation = next(r for (t, r), parts in self._program.direct.items() if fact.part in parts)
                yield self._rows(whence, f"{fact.object}#{relation}"), f"{whence} is in it"
            else:
                yield (), f"{whence} is in it"
        yield from (((), words) for words in excluded)

    def _lacks(self, name: str) -> Iterator[str]:
        """What keeps the principal out of a reader entry, as far as it is more than that nothing leads there."""
        if name in self._undoubted.certain.came_from:
            yield "only by rows of sources that are too far behind"
        object_name, relation = split(name)
        relations = self._program.declared.get(type_of(name))
        if relation and relations is not None and relation not in relations:
            yield f"relations.yaml gives {type_of(name)} no relation {relation}, so nobody is in it"
        whole = self._program.whole.get((type_of(name), relation))
        if whole is not None:
            yield f"the rule is `{self._program.expressions[whole]}`"
            yield from self._gaps(object_name, whole)

    def _gaps(self, object_name: str, whole: Part) -> Iterator[str]:
        """Where a rewrite holds in part: what an `and` lacks, and what a `but not` takes away."""
        waiting = [whole]
        for part in waiting:
            expression, inner = self._program.expressions[part], self._program.inner[part]
            if self._holds(object_name, part):
                continue
            held = [one for one in inner if self._holds(object_name, one)]
            if isinstance(expression, Intersection) and held:
                missing = [str(self._program.expressions[one]) for one in inner if one not in held]
                yield f"missing: {' and '.join(f'`{one}`' for one in missing)}"
            if isinstance(expression, Exclusion) and inner[0] in held:
                yield f"excluded by `{expression.minus}`{self._excluded_as(Fact(object_name, inner[1]))}"
            waiting += inner[:1] if isinstance(expression, Exclusion) else inner

    def _excluded_as(self, fact: Fact) -> str:
        possible = self._bounds.possible
        if possible is None:
            return f": {_UNKNOWN}"
        names = possible.path(fact) if fact in possible.facts else []
        return f": {' → '.join(names)}" if names else ""

    def _holds(self, object_name: str, part: Part) -> bool:
        return Fact(object_name, part) in self._bounds.certain.facts

    def _rows(self, subject: str, userset: str) -> tuple[str, ...]:
        return tuple(self._view.rows_of(self._tenant, subject, userset))
