"""The graph of who belongs to what: which usersets a principal reaches, and by which path."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from query.principal import EVERYONE, Principal
from schemas.change import table_of
from schemas.position import NOWHERE, Position
from schemas.relation import Grant

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reach:
    """Every name a principal acts under (itself, everyone, each userset) and whence each was reached."""

    came_from: Mapping[str, str | None]

    def path(self, name: str) -> list[str]:
        """From the principal to `name`, both included; a shortest one."""
        steps: list[str] = []
        step: str | None = name
        while step is not None:
            steps.append(step)
            step = self.came_from[step]
        return steps[::-1]


class RelationGraph:
    """Grants by the row that gave them. A row's newest position counts; one without tuples grants nothing."""

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}
        self._usersets: dict[tuple[str, str], dict[str, set[str]]] = {}
        """(tenant, subject) -> userset -> the rows that put the subject into it."""
        self._sources: Counter[str] = Counter()
        self._emptied: dict[str, Position] = {}
        """Table -> the position of its last TRUNCATE."""

    @property
    def sources(self) -> frozenset[str]:
        """Sources whose rows grant something now."""
        return frozenset(+self._sources)

    def apply(self, grant: Grant) -> set[str]:
        """Take a row's grant unless a newer one is known. Returns the tenants it touched. Idempotent."""
        if grant.truncated:
            return self._empty(grant)
        if grant.position < self._emptied.get(table_of(grant.record_id), NOWHERE):
            return set()
        before = self._grants.get(grant.record_id)
        if before is not None and (grant.position < before.position or grant == before):
            return set()
        self._grants[grant.record_id] = grant
        return self._withdraw(before) | self._add(grant)

    def forget(self, record_id: str) -> set[str]:
        """Withdraw what a row, or every row of a table, granted, keeping positions. Returns the tenants it touched."""
        before = self._grants.get(record_id)
        if before is None:
            rows = [name for name in self._grants if table_of(name) == record_id]
            return {tenant for name in rows for tenant in self.forget(name)}
        self._grants[record_id] = before.model_copy(update={"tuples": ()})
        return self._withdraw(before)

    def _empty(self, grant: Grant) -> set[str]:
        """A table was truncated: its rows older than that grant nothing, also those that are read only now."""
        self._emptied[grant.record_id] = max(grant.position, self._emptied.get(grant.record_id, NOWHERE))
        older = [
            known
            for known in self._grants.values()
            if known.position < grant.position and table_of(known.record_id) == grant.record_id
        ]
        return {tenant for known in older for tenant in self.forget(known.record_id)}

    def reach(self, principal: Principal, doubted: frozenset[str] = _NONE) -> Reach:
        """Breadth first, within one tenant, safe with cycles; rows of `doubted` sources do not count."""
        came_from: dict[str, str | None] = {principal.name: None, EVERYONE: principal.name}
        waiting = list(came_from)
        for name in waiting:
            usersets = self._usersets.get((principal.tenant, name), {})
            for userset in sorted(usersets):
                if userset not in came_from and _believed(usersets[userset], doubted):
                    came_from[userset] = name
                    waiting.append(userset)
        return Reach(came_from)

    def _add(self, grant: Grant) -> set[str]:
        if grant.tuples:
            self._sources[source_of(grant.record_id)] += 1
        for entry in grant.tuples:
            usersets = self._usersets.setdefault((entry.tenant, entry.subject), {})
            usersets.setdefault(entry.userset, set()).add(grant.record_id)
        return {entry.tenant for entry in grant.tuples}

    def _withdraw(self, grant: Grant | None) -> set[str]:
        if grant is None or not grant.tuples:
            return set()
        self._sources[source_of(grant.record_id)] -= 1
        for tenant, subject, userset in {(t.tenant, t.subject, t.userset) for t in grant.tuples}:
            usersets = self._usersets[tenant, subject]
            usersets[userset].discard(grant.record_id)
            if not usersets[userset]:
                del usersets[userset]
            if not usersets:
                del self._usersets[tenant, subject]
        return {entry.tenant for entry in grant.tuples}


def source_of(record_id: str) -> str:
    """A record id begins with its source: helpdesk/public.team_members/7."""
    return record_id.partition("/")[0]


def _believed(rows: set[str], doubted: frozenset[str]) -> bool:
    return not doubted or any(source_of(row) not in doubted for row in rows)
