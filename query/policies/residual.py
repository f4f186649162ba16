"""What is left to decide of the policies once asker, operation and circumstances are known: by label and source."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from query.policies.policy_set import Policy
from query.policies.predicate import (
    CannotEvaluate,
    Json,
    LabelFacts,
    NeedsRecord,
    NotUnderstood,
    Test,
    compile_condition,
    mentions_record,
    mentions_source,
)

Verdict = Literal["permitted", "withheld", "unsure"]
"""unsure: it depends on the record itself."""

ByCedar = Callable[[Policy, LabelFacts], bool]
"""Whether Cedar finds that the policy applies. Raises CannotEvaluate."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy's residual. Without a `test`, and where the test does not understand a value, Cedar decides."""

    policy: Policy
    test: Test | None
    needs_record: bool

    def applies(self, facts: LabelFacts, by_cedar: ByCedar) -> bool:
        """Raises NeedsRecord, CannotEvaluate."""
        if self.test is not None:
            try:
                applies = self.test(facts)
            except NotUnderstood:
                pass
            else:
                if isinstance(applies, bool):
                    return applies
                raise CannotEvaluate
        if self.needs_record:
            raise NeedsRecord
        return by_cedar(self.policy, facts)


class Residual:
    """Judges labels, each once: verdicts are kept, as labels never change. Safe with several threads."""

    def __init__(self, residuals: Mapping[str, Json], by_id: Mapping[str, Policy], by_cedar: ByCedar) -> None:
        rules = [(_rule(by_id[name], residual), residual) for name, residual in residuals.items()]
        self._rules = [rule for rule, _ in rules]
        self._by_cedar = by_cedar
        self._verdicts: dict[tuple[int, str], Verdict] = {}
        self.by_source = any(mentions_source(residual["conditions"]) for _, residual in rules)

    def verdict(self, number: int, facts: LabelFacts) -> Verdict:
        """`number` names the facts but for their source."""
        key = (number, facts.source)
        known = self._verdicts.get(key)
        if known is None:
            known = self._verdicts[key] = self._judge(facts)
        return known

    def _judge(self, facts: LabelFacts) -> Verdict:
        """A forbid that applies, or a policy Cedar would report an error for, withholds."""
        unsure = permitted = may_permit = False
        for rule in self._rules:
            permits = rule.policy.effect == "permit"
            try:
                applies = rule.applies(facts, self._by_cedar)
            except CannotEvaluate:
                return "withheld"
            except NeedsRecord:
                unsure, may_permit = True, may_permit or permits
                continue
            if applies and not permits:
                return "withheld"
            permitted = permitted or (applies and permits)
        if not permitted and not may_permit:
            return "withheld"
        return "unsure" if unsure else "permitted"


def _rule(policy: Policy, residual: Mapping[str, Any]) -> Rule:
    conditions = residual["conditions"]
    needs_record = mentions_record(conditions)
    try:
        scope = [residual[part]["op"] for part in ("principal", "action", "resource")]
        if scope != ["All", "All", "All"] or [one["kind"] for one in conditions] != ["when"]:
            raise NotUnderstood
        return Rule(policy, compile_condition(conditions[0]["body"]), needs_record)
    except NotUnderstood:
        return Rule(policy, None, needs_record)
