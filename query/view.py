"""The materialised permission view: what labels mean, who belongs to what, how far each source is. No Kafka.

Usersets are resolved when a question comes, so a changed membership needs no write to the index. A label
nobody defined yet is in nobody's set: a row that comes before its label's definition is denied until then.
What is visible to whom, as one formula: docs/permissions.md.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType

from query.principal import Principal
from query.relations import RelationGraph, source_of
from query.rewrites import Program
from query.usersets import Bounds
from query.wakers import Wakers
from schemas.change import table_of
from schemas.label import Label, LabelDefinition, LabelId
from schemas.progress import Progress
from schemas.relation import Grant
from schemas.relation_model import RelationModel

CACHED_ASKERS = 256
_NONE: frozenset[str] = frozenset()
_Version = tuple[int, bool]
"""How often a tenant's labels and tuples changed, and whether every row's newest word could be read."""


@dataclass(frozen=True, slots=True)
class Visibility:
    """The labels a principal may see, at one moment."""

    labels: frozenset[LabelId]
    bounds: Bounds = field(repr=False)
    """The usersets the principal is in, for certain and possibly."""
    definitions: Mapping[LabelId, Label] = field(repr=False)
    """What every known label says; it grows while others are read."""

    def why(self, label_id: LabelId) -> list[str]:
        """A shortest path from the asker to a reader entry; empty for a label that is not visible.

        user:alice@acme.example, team:7#member, folder:3#viewer
        """
        if label_id not in self.labels:
            return []
        reach = self.bounds.certain
        readers = self.definitions[label_id].readers
        paths = [reach.path(reader) for reader in readers if reader in reach.came_from]
        return min(paths, key=lambda path: (len(path), path))


class PermissionView:
    """Safe with one writing thread and many readers: every call takes one lock, for milliseconds at most.

    `ignored` counts what could not be used, by kind. `model` says which relations follow from others. `granting` names
    the ids of each source's tables that grant: what rows of its other tables granted once does not count. Of a source
    that is not named every table's does.
    """

    def __init__(
        self, model: RelationModel | None = None, granting: Mapping[str, Collection[str]] = MappingProxyType({})
    ) -> None:
        self._lock = Lock()
        self._granting = granting
        self._model = model or RelationModel()
        self.ignored: Counter[str] = Counter()
        self._woken = Wakers()
        self._empty()

    def _empty(self) -> None:
        self._labels: dict[LabelId, Label] = {}
        self._readers: dict[tuple[str, str], set[LabelId]] = {}
        self._denied: dict[tuple[str, str], set[LabelId]] = {}
        self._denying_groups: dict[str, set[LabelId]] = {}
        self._relations = RelationGraph(self._model)
        self._progress: dict[str, Progress] = {}
        self._versions: Counter[str] = Counter()
        self._cache: OrderedDict[tuple[str, str, frozenset[str]], tuple[_Version, Visibility]] = OrderedDict()
        self._as_of: float | None = None

    def clear(self) -> None:
        """Forget everything, because what was followed is gone; nothing is visible from now on."""
        with self._lock:
            self._empty()

    def ignore(self, kind: str) -> None:
        """Count something that could not be used."""
        with self._lock:
            self.ignored[kind] += 1

    def define(self, definition: LabelDefinition) -> None:
        """Learn a label. A definition that does not hash to its own id is ignored and counted."""
        with self._lock:
            if not definition.genuine:
                self.ignored["label_not_genuine"] += 1
            elif definition.id not in self._labels:
                self._learn(definition.id, definition.label)

    def relate(self, grant: Grant) -> None:
        """Take what a row grants; an older position than the known one is ignored."""
        with self._lock:
            if self._is_of_no_contract(grant):
                self.ignored["of a table that grants no more"] += 1
                return
            self._versions.update(self._relations.apply(grant))

    def _is_of_no_contract(self, grant: Grant) -> bool:
        table = grant.record_id if grant.truncated else table_of(grant.record_id)
        return table not in self._granting.get(source_of(table), (table,))

    def distrust(self, record_id: str) -> None:
        """Withdraw what a row granted, because its newest version cannot be read.

        Until a readable one comes it may name anybody: what denies or excludes groups counts as if it did.
        """
        with self._lock:
            self._versions.update(self._relations.distrust(record_id))

    def advance(self, progress: Progress) -> None:
        """Take a source's progress; one with a lower watermark than the known one, or measured before, is ignored."""
        with self._lock:
            known = self._progress.get(progress.source)
            if known is None or _age(progress) > _age(known):
                self._progress[progress.source] = progress
        self._woken.wake()

    def waking(self, wake: Callable[[], None]) -> AbstractContextManager[None]:
        """Meanwhile `wake` is called, by the thread that writes, after each progress that was taken."""
        return self._woken.waking(wake)

    def caught_up(self, steady: float) -> None:
        """Say that everything the broker had at this moment (steady clock, seconds) is in the view."""
        with self._lock:
            self._as_of = steady

    @property
    def as_of(self) -> float | None:
        """The last moment (steady clock, seconds) the view is known to have been complete; None = never."""
        return self._as_of

    @property
    def granting_sources(self) -> frozenset[str]:
        """Sources whose rows grant something now."""
        with self._lock:
            return self._relations.sources

    def progress(self, source: str) -> Progress | None:
        """How far the source is searchable; None = nothing heard of it."""
        with self._lock:
            return self._progress.get(source)

    def stopped_tables(self, source: str) -> tuple[str, ...]:
        """Tables of a source that are not captured now, as its last progress says."""
        with self._lock:
            known = self._progress.get(source)
            return () if known is None else known.stopped

    def watermark_ms(self, source: str) -> int | None:
        """Up to which commit time the source is searchable; None = nothing heard of it."""
        with self._lock:
            known = self._progress.get(source)
            return None if known is None else known.watermark_ms

    def label(self, label_id: LabelId) -> Label | None:
        """What a label says; None for one nobody defined."""
        with self._lock:
            return self._labels.get(label_id)

    @property
    def program(self) -> Program:
        """The relation model, made ready."""
        return self._relations.program

    def rows_of(self, tenant: str, subject: str, userset: str) -> list[str]:
        """The ids of the rows that put a subject into a userset directly, sorted."""
        with self._lock:
            return self._relations.rows_of(tenant, subject, userset)

    def visible(self, principal: Principal, doubted: frozenset[str] = _NONE) -> Visibility:
        """Labels of the principal's tenant with a reader it certainly is, and no denied entry that it possibly is.

        What the rows of a `doubted` source grant does not count. And as such a source may lack the news that
        somebody joined a denied or excluded group, labels that deny groups are hidden meanwhile, and a relation
        that excludes somebody holds for nobody.
        """
        key = (principal.tenant, principal.name, doubted)
        with self._lock:
            version = (self._versions[principal.tenant], self._relations.complete)
            known = self._cache.get(key)
            if known is None or known[0] != version:
                known = self._cache[key] = (version, self._compute(principal, doubted))
            self._cache.move_to_end(key)
            if len(self._cache) > CACHED_ASKERS:
                self._cache.popitem(last=False)
            return known[1]

    def _compute(self, principal: Principal, doubted: frozenset[str]) -> Visibility:
        tenant = principal.tenant
        found = self._relations.bounds(principal, doubted)
        labels = _union(self._readers, tenant, found.certain.came_from)
        if found.possible is None:
            labels -= _union(self._denied, tenant, found.certain.came_from) | self._denying_groups.get(tenant, set())
        else:
            labels -= _union(self._denied, tenant, found.possible.came_from)
        return Visibility(frozenset(labels), found, self._labels)

    def _learn(self, label_id: LabelId, label: Label) -> None:
        self._labels[label_id] = label
        for reader in label.readers:
            self._readers.setdefault((label.tenant, reader), set()).add(label_id)
        for name in label.denied:
            self._denied.setdefault((label.tenant, name), set()).add(label_id)
        if any("#" in name for name in label.denied):
            self._denying_groups.setdefault(label.tenant, set()).add(label_id)
        self._versions[label.tenant] += 1


def _age(progress: Progress) -> tuple[int, int]:
    return progress.watermark_ms, progress.measured_ms


def _union(index: Mapping[tuple[str, str], set[LabelId]], tenant: str, names: Iterable[str]) -> set[LabelId]:
    return set[LabelId]().union(*(index[tenant, name] for name in names if (tenant, name) in index))
