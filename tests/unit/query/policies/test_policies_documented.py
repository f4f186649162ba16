"""The page on policies: its examples are loaded, and do what it says. The policies that are shipped change nothing."""

import re
from pathlib import Path
from typing import Any

import pytest
from policy_stage import MONDAY_NOON_MS, defined, facts, label, when, who

from connectors.load import load
from query.policies.gate import PolicyGate
from query.policies.ruling import Narrowed
from query.policies.vocabulary import Vocabulary

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/policies.md").read_text(encoding="utf-8")
VOCABULARY = Vocabulary.of(load(ROOT / "connectors/sources"), vouched=["clearance", "role"])
EXAMPLES = dict(re.findall(r"```cedar (\S+)\n(.*?)```", PAGE, re.DOTALL))
NIGHT_MS = MONDAY_NOON_MS + 10 * 3_600_000
OLD_MS = 91 * 86_400_000
OFFICE = {"address": "10.1.1.1"}


@pytest.fixture
def gate(tmp_path: Path) -> PolicyGate:
    """All examples of the page as one folder, with the contracts that are shipped."""
    for name, text in EXAMPLES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return PolicyGate(tmp_path, VOCABULARY)


def test_the_examples_are_found() -> None:
    assert set(EXAMPLES) == {"base.cedar", "secrets.cedar", "agents.cedar", "network.cedar", "auditors.cedar"}


@pytest.mark.parametrize(
    ("asker", "circumstances", "record", "decided_by"),
    [
        (who(), {}, facts(classification="public"), {"base"}),
        (who(), {}, facts(classification="secret"), {"cleared-for-secrets"}),
        (who(), {}, facts(), {"cleared-for-secrets"}),
        (who(clearance="secret"), {}, facts(), {"base"}),
        (who(agent="bot"), {}, facts("helpdesk", classification="public"), {"base"}),
        (who(agent="bot"), {}, facts("crm", classification="public"), {"agents-support-only"}),
        (who(agent="bot"), {"purpose": "research"}, facts("crm", classification="public"), {"base"}),
        (who(agent="bot"), {"at_ms": NIGHT_MS}, facts("helpdesk", classification="public"), {"agents-by-day"}),
        (who(), {"at_ms": NIGHT_MS}, facts(classification="public"), {"base"}),
        (who(), {}, facts(classification="public", region="eu-1"), {"europe-from-the-office"}),
        (who(), OFFICE, facts(classification="public", region="eu-1"), {"base"}),
        (who(), {"address": "192.0.2.1"}, facts(classification="public", region="us"), {"base"}),
        (who(), {}, facts(classification="public", age_ms=OLD_MS, metadata={"status": "closed"}), {"old-and-closed"}),
        (who(), {}, facts(classification="public", age_ms=OLD_MS, metadata={"status": "open"}), {"base"}),
        (
            who(role="auditor"),
            {},
            facts(classification="public", age_ms=OLD_MS, metadata={"status": "closed"}),
            {"base"},
        ),
    ],
)
def test_the_examples_do_what_the_page_says(
    gate: PolicyGate, asker: Any, circumstances: Any, record: Any, decided_by: set[str]
) -> None:
    ruling = gate.rule(asker, "search", when(**circumstances))
    (judgement,) = ruling.judge([record])
    assert set(judgement.policies) == decided_by
    assert judgement.permitted == (decided_by == {"base"})
    narrowed = ruling.narrow(*defined(record.label), frozenset({record.source}))
    assert judgement.permitted <= bool(narrowed.labels)
    assert narrowed.needs_hit_check or bool(narrowed.labels) == judgement.permitted


def test_only_auditors_audit(gate: PolicyGate) -> None:
    assert not gate.permits(who(), "audit", when()).permitted
    assert gate.permits(who(role="auditor"), "audit", when()).permitted
    assert gate.permits(who(), "freshness", when()).permitted


def test_the_page_names_every_fact_and_operation() -> None:
    facts_named = {name for words in VOCABULARY.words.values() for name in words} - {"attributes", "metadata"}
    assert [name for name in sorted(facts_named) if f"`{name}`" not in PAGE] == []
    assert all(f"`{name}`" in PAGE for name in ("search", "get", "explain", "freshness", "decide", "audit"))


def test_the_policies_that_are_shipped_permit_whatever_is_reached() -> None:
    gate = PolicyGate(ROOT / "connectors/policies", Vocabulary.of(load(ROOT / "connectors/sources")))
    reached, definitions = defined(label(), label(classification="secret"), label(undeclared="x"))
    ruling = gate.rule(who(agent="bot"), "search", when(purpose="anything"))
    assert ruling.narrow(reached, definitions, frozenset({"crm"})) == Narrowed(reached, frozenset({"crm"}))
    assert gate.permits(who(), "audit", when()).permitted
