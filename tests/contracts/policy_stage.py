"""Policies in a folder of their own, and an asker whose every part can be told."""

from pathlib import Path
from typing import Any

from query.asker import Asker, Circumstances
from query.policies.engine import Engine, Judgement
from query.policies.facts import RecordFacts
from query.policies.gate import PolicyGate
from query.policies.policy_set import load_policies
from query.policies.ruling import Ruling
from query.policies.vocabulary import Vocabulary
from query.principal import Principal
from schemas.label import Label, LabelId

VOCABULARY = Vocabulary(
    frozenset({"classification", "region", "data-class"}),
    frozenset({"status", "priority"}),
    frozenset({"clearance", "team"}),
)
MONDAY_NOON_MS = 1_795_435_200_000
"""2026-11-23 12:00 UTC."""
PERMIT_ALL = "permit(principal, action, resource);\n"


class Case:
    """One policy set, and what it makes of askers, labels and records."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def write(self, text: str, name: str = "base.cedar") -> Path:
        file = self.folder / name
        file.write_text(text, encoding="utf-8")
        return file

    def gate(self, text: str = "") -> PolicyGate:
        if text:
            self.write(text)
        return PolicyGate(self.folder, VOCABULARY)

    def engine(self, text: str) -> Engine:
        self.write(text)
        return Engine(load_policies(self.folder, VOCABULARY))

    def ruling(self, text: str, asker: Asker | None = None, operation: Any = "search", **circumstances: Any) -> Ruling:
        gate = self.gate(text)
        return gate.rule(asker or who(), operation, when(**circumstances))

    def judge(self, text: str, record: RecordFacts | None = None, **asking: Any) -> Judgement:
        """Cedar's full evaluation. Fails where what was decided before the search does not agree with it."""
        ruling, record = self.ruling(text, **asking), record or facts()
        (judgement,) = ruling.judge([record])
        label = record.label
        narrowed = ruling.narrow(frozenset({label.id}), {label.id: label}, frozenset({record.source}))
        if judgement.permitted:
            assert narrowed.labels == {label.id}
        elif not narrowed.needs_hit_check:
            assert narrowed.labels == frozenset()
        return judgement


def who(subject: str = "alice", tenant: str = "acme", agent: str = "", **attributes: str) -> Asker:
    return Asker(Principal(subject, tenant, agent), attributes=attributes)


def when(at_ms: int = MONDAY_NOON_MS, purpose: str = "", address: str = "") -> Circumstances:
    return Circumstances(at_ms, purpose, address)


def label(tenant: str = "acme", **attributes: str) -> Label:
    return Label(tenant=tenant, readers=("user:alice",), attributes=attributes)


def facts(source: str = "helpdesk", table: str = "t", age_ms: int = 0, metadata: Any = None, **attributes: str) -> Any:
    return RecordFacts(label(**attributes), source, table, MONDAY_NOON_MS - age_ms, metadata or {})


def defined(*labels: Label) -> tuple[frozenset[LabelId], dict[LabelId, Label]]:
    return frozenset(one.id for one in labels), {one.id: one for one in labels}
