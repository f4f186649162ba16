"""What the policies decide for one asker, operation and circumstances: of labels before a search, of hits after it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from query.policies.classes import Classes
from query.policies.engine import WITHHELD, Engine, Judgement, Known
from query.policies.facts import RecordFacts
from query.policies.predicate import LabelFacts
from query.policies.residual import Residual, Verdict
from schemas.label import Label, LabelId

NO_POLICIES = "none"
"""The policy version where no policies are configured."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What may be searched. Hits whose label is in `unsure` must be judged, record by record, before they leave."""

    labels: frozenset[LabelId]
    sources: frozenset[str]
    unsure: frozenset[LabelId] = frozenset()

    @property
    def needs_hit_check(self) -> bool:
        return bool(self.unsure)


class Ruling:
    """Only ever narrows: what is not reached stays unreached. `version` names the policies, for the record.

    Without an `engine` there are no policies, and everything reached is permitted.
    """

    def __init__(self, engine: Engine | None = None, known: Known | None = None) -> None:
        self.version = NO_POLICIES if engine is None else engine.version
        self._engine, self._known = engine, known
        self._residual = None if engine is None or known is None else engine.residual(known)

    def narrow(
        self, reached: frozenset[LabelId], definitions: Mapping[LabelId, Label], sources: frozenset[str]
    ) -> Narrowed:
        """Those of the reached labels, and of the sources, with which anything may be permitted.

        A label without a definition is withheld.
        """
        if self._engine is None:
            return Narrowed(reached, sources)
        if self._residual is None:
            return Narrowed(frozenset(), frozenset())
        groups = self._engine.classes.group(reached, definitions)
        asked = sorted(sources) if self._residual.by_source else [""]
        table = _verdicts(self._residual, self._engine.classes, groups, asked)
        shown = {source for (_, source), verdict in table.items() if verdict != "withheld"}
        labels: list[LabelId] = []
        unsure: list[LabelId] = []
        for number, members in groups.items():
            verdicts = {table[number, source] for source in shown}
            if verdicts - {"withheld"}:
                labels += members
                unsure += members if verdicts != {"permitted"} else ()
        kept = frozenset(shown) if self._residual.by_source else sources
        return Narrowed(frozenset(labels), kept if labels else frozenset(), frozenset(unsure))

    def judge(self, records: Sequence[RecordFacts]) -> list[Judgement]:
        """Cedar's full evaluation of each record, in order. Whatever cannot be evaluated is withheld."""
        if self._engine is None:
            return [Judgement(True)] * len(records)
        if self._known is None or not records:
            return [WITHHELD] * len(records)
        return self._engine.judge(self._known, records)


def _verdicts(
    residual: Residual, classes: Classes, groups: Iterable[int], sources: Iterable[str]
) -> dict[tuple[int, str], Verdict]:
    kinds = [(number, classes[number]) for number in groups]
    return {
        (number, source): residual.verdict(number, LabelFacts(kind.tenant, kind.attributes, source))
        for number, kind in kinds
        for source in sources
    }
