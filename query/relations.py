"""The graph of who belongs to what: the tuples that rows grant, and which usersets a principal is in by them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from query.principal import EVERYONE, Principal
from query.rewrites import Program, compiled
from query.usersets import Bounds, Reach, bounds
from schemas.change import table_of
from schemas.position import NOWHERE, Position
from schemas.relation import Grant
from schemas.relation_model import RelationModel

PUBLIC = "public:*"
"""Whoever holds a valid token of the tenant that names it, people and services; it never crosses tenants."""
_NONE: frozenset[str] = frozenset()


class RelationGraph:
    """Grants by the row that gave them. A row's newest position counts; one without tuples grants nothing.

    `program` is what the relation model says follows from the tuples.
    """

    def __init__(self, model: RelationModel | None = None) -> None:
        self.program: Program = compiled(model or RelationModel())
        self._grants: dict[str, Grant] = {}
        self._usersets: dict[tuple[str, str], dict[str, set[str]]] = {}
        """(tenant, subject) -> userset -> the rows that put the subject into it."""
        self._sources: Counter[str] = Counter()
        self._emptied: dict[str, Position] = {}
        """Table -> the position of its last TRUNCATE."""
        self._unread: set[str] = set()
        """Rows and tables whose newest word cannot be read."""

    @property
    def sources(self) -> frozenset[str]:
        """Sources whose rows grant something now."""
        return frozenset(+self._sources)

    @property
    def complete(self) -> bool:
        """Whether the newest word of every row could be read. If not, nobody knows whom it names."""
        return not self._unread

    def apply(self, grant: Grant) -> set[str]:
        """Take a row's grant unless a newer one is known. Returns the tenants it touched. Idempotent."""
        if grant.truncated:
            self._unread.discard(grant.record_id)
            return self._empty(grant)
        if grant.position < self._emptied.get(table_of(grant.record_id), NOWHERE):
            return set()
        before = self._grants.get(grant.record_id)
        if before is not None and (grant.position < before.position or grant == before):
            return set()
        (self._unread.add if grant.unreadable else self._unread.discard)(grant.record_id)
        self._grants[grant.record_id] = grant
        return self._withdraw(before) | self._add(grant)

    def distrust(self, record_id: str) -> set[str]:
        """Forget a row or table, because its newest word cannot be read. Returns the tenants it touched."""
        self._unread.add(record_id)
        return self.forget(record_id)

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
        self._unread -= {known.record_id for known in older}
        return {tenant for known in older for tenant in self.forget(known.record_id)}

    def reach(self, principal: Principal, doubted: frozenset[str] = _NONE) -> Reach:
        """What the principal is certainly in, within its tenant; rows of `doubted` sources do not count."""
        return self.bounds(principal, doubted).certain

    def bounds(self, principal: Principal, doubted: frozenset[str] = _NONE) -> Bounds:
        """What the principal is in, certainly and possibly, within its tenant.

        Rows of `doubted` sources do not count, and as they may lack news every userset is possible with them; so it is
        while a row's newest word cannot be read.
        """
        known = not doubted and self.complete
        return bounds(self.program, _names(principal), _Tuples(self, principal.tenant, doubted), complete=known)

    def usersets_of(self, tenant: str, subject: str, doubted: frozenset[str] = _NONE) -> list[str]:
        """The usersets that tuples put the subject into directly, sorted; rows of `doubted` sources do not count."""
        usersets = self._usersets.get((tenant, subject))
        if usersets is None:
            return []
        return sorted(userset for userset, rows in usersets.items() if _believed(rows, doubted))

    def rows_of(self, tenant: str, subject: str, userset: str) -> list[str]:
        """The ids of the rows that put the subject into the userset directly, sorted."""
        return sorted(self._usersets.get((tenant, subject), {}).get(userset, ()))

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


@dataclass(frozen=True, slots=True)
class _Tuples:
    """The tuples of one tenant without those of doubted sources."""

    graph: RelationGraph
    tenant: str
    doubted: frozenset[str]

    def usersets_of(self, subject: str) -> Iterable[str]:
        return self.graph.usersets_of(self.tenant, subject, self.doubted)


def _names(principal: Principal) -> dict[str, str | None]:
    """The names a principal acts under before any tuple counts, and whence."""
    names: dict[str, str | None] = {principal.name: None}
    if principal.name.startswith("user:"):
        names[EVERYONE] = principal.name
    return names | {PUBLIC: principal.name}


def source_of(record_id: str) -> str:
    """A record id begins with its source: helpdesk/public.team_members/7."""
    return record_id.partition("/")[0]


def _believed(rows: set[str], doubted: frozenset[str]) -> bool:
    return not doubted or any(source_of(row) not in doubted for row in rows)
