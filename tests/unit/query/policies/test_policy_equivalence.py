"""Whatever the policies, askers and records: what is decided before the search is what Cedar decides of each record."""

import json
from pathlib import Path
from typing import Any

import cedarpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from policy_stage import MONDAY_NOON_MS, VOCABULARY, defined, facts, when, who

from query.policies.engine import Engine
from query.policies.facts import asker_entity, context, record_entity
from query.policies.folder import Reading, Statement
from query.policies.policy_set import build
from query.policies.ruling import Ruling

WORDS = ["a", "b", "ab", "", 'q"', "é", "*"]
NAMES = ["classification", "region", "data-class"]
TEXTS = st.sampled_from(WORDS)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def attribute(name: str) -> str:
    return f'resource.attributes["{name}"]'


def guarded(name: str, condition: str) -> str:
    return f'(resource.attributes has "{name}" && {condition})'


PATTERNS = st.lists(st.sampled_from(["*", "a", "b", "\\*", "é"]), max_size=4).map("".join)
LITERALS = TEXTS.map(quoted)
ABOUT_ATTRIBUTES = st.sampled_from(NAMES).flatmap(
    lambda name: st.one_of(
        st.just(f'resource.attributes has "{name}"'),
        LITERALS.map(lambda text: guarded(name, f"{attribute(name)} == {text}")),
        LITERALS.map(lambda text: guarded(name, f"{attribute(name)} != {text}")),
        PATTERNS.map(lambda pattern: guarded(name, f'{attribute(name)} like "{pattern}"')),
        st.lists(LITERALS, min_size=1, max_size=3).map(
            lambda items: guarded(name, f"[{', '.join(items)}].contains({attribute(name)})")
        ),
        LITERALS.map(lambda text: guarded(name, f"[{attribute(name)}, {text}].containsAny([{text}, resource.source])")),
        LITERALS.map(lambda text: guarded(name, f"[{attribute(name)}, {text}].containsAll([{text}, resource.tenant])")),
        st.just(guarded(name, f"{attribute(name)} == principal.subject")),
        st.just(guarded(name, f"{attribute(name)} == context.purpose")),
        st.just(guarded(name, f"[[{attribute(name)}]].contains([principal.subject])")),
        st.just(guarded(name, f"{{a: {attribute(name)}}} == {{a: principal.subject}}")),
    )
)
ABOUT_OTHERS = st.sampled_from(
    [
        'resource.source == "crm"',
        '["crm", "wiki"].contains(resource.source)',
        "resource.tenant == principal.tenant",
        "resource == resource",
        'resource.table == "t"',
        'resource.age > duration("1h")',
        'resource.metadata has status && resource.metadata.status == "a"',
        "context.hour < 13",
        "context.weekday == 7",
        'context.purpose like "a*"',
        'principal.agent == ""',
        'context has address && context.address.isInRange(ip("10.0.0.0/8"))',
        'principal.attributes has clearance && principal.attributes.clearance == "a"',
        "context.hour * 9223372036854775807 == 3",
        '(if resource.source == "crm" then context.hour else 9223372036854775807) + 1 == 13',
        "resource is Record && resource.attributes == resource.attributes",
        "true",
    ]
)
CONDITIONS = st.recursive(
    st.one_of(ABOUT_ATTRIBUTES, ABOUT_ATTRIBUTES, ABOUT_OTHERS),
    lambda inner: st.one_of(
        inner.map(lambda one: f"!({one})"),
        st.tuples(inner, inner).map(lambda two: f"(({two[0]}) && ({two[1]}))"),
        st.tuples(inner, inner).map(lambda two: f"(({two[0]}) || ({two[1]}))"),
        st.tuples(inner, inner, inner).map(lambda three: f"(if {three[0]} then {three[1]} else {three[2]})"),
        inner.map(lambda one: f"[true].contains({one})"),
    ),
    max_leaves=5,
)
ACTIONS = st.sampled_from(
    ["action", 'action == Action::"search"', 'action == Action::"get"', 'action in Action::"read"']
)
POLICIES = st.tuples(st.sampled_from(["permit", "permit", "forbid"]), ACTIONS, CONDITIONS, st.booleans()).map(
    lambda one: f"{one[0]}(principal, {one[1]}, resource is Record) {'when' if one[3] else 'unless'} {{ {one[2]} }};"
)
RECORDS = st.builds(
    lambda source, attributes, age_ms, status: facts(
        source, age_ms=age_ms, metadata={"status": status} if status else {}, **attributes
    ),
    st.sampled_from(["crm", "wiki", "helpdesk"]),
    st.dictionaries(st.sampled_from(NAMES), TEXTS),
    st.sampled_from([0, 3_600_000, 3_600_001]),
    st.sampled_from(["", "a"]),
)
ASKERS = st.builds(
    lambda subject, agent, attributes: who(subject, agent=agent, **attributes),
    st.sampled_from(["a", "b", 'q"', "é"]),
    st.sampled_from(["", "bot"]),
    st.dictionaries(st.just("clearance"), TEXTS),
)
REQUESTS = st.builds(
    when,
    st.sampled_from([MONDAY_NOON_MS, MONDAY_NOON_MS + 3_600_000, -1]),
    TEXTS,
    st.sampled_from(["", "10.1.2.3", "::ffff:10.1.2.3", "192.0.2.1"]),
)


def engine_of(policies: list[str]) -> Engine:
    statements = tuple(Statement(Path("p.cedar"), n + 1, text) for n, text in enumerate(policies))
    return Engine(build(Path(), Reading("", statements, ()), VOCABULARY))


def by_cedar(policies: list[str], asker: Any, circumstances: Any, record: Any) -> bool:
    """Written without anything that narrows: text, entities and request, all as a whole."""
    entity = record_entity(record, record.label.attributes, 0, circumstances.at_ms, VOCABULARY.metadata)
    request = {
        "principal": {"type": "User", "id": "asker"},
        "action": {"type": "Action", "id": "search"},
        "resource": {"type": "Record", "id": "0"},
        "context": context(circumstances),
    }
    entities = json.dumps([asker_entity(asker, VOCABULARY.vouched), entity])
    found = cedarpy.is_authorized(request, "\n".join(policies), entities, VOCABULARY.schema)
    return found.allowed and not found.diagnostics.errors


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(POLICIES, min_size=1, max_size=4), ASKERS, REQUESTS, st.lists(RECORDS, min_size=1, max_size=8))
def test_narrowing_and_judging_agree_with_cedar(
    policies: list[str], asker: Any, circumstances: Any, records: list[Any]
) -> None:
    policies = [*policies, 'permit(principal, action == Action::"search", resource) when { context.purpose == "b" };']
    engine = engine_of(policies)
    ruling = Ruling(engine, engine.known(asker, "search", circumstances))
    reached, definitions = defined(*(record.label for record in records))
    narrowed = ruling.narrow(reached, definitions, frozenset({"crm", "wiki", "helpdesk"}))
    for record, judgement in zip(records, ruling.judge(records), strict=True):
        permitted = by_cedar(policies, asker, circumstances, record)
        assert judgement.permitted == permitted
        searched = record.label.id in narrowed.labels and record.source in narrowed.sources
        if permitted:
            assert searched, "wrongly withheld before the search"
        elif searched:
            assert record.label.id in narrowed.unsure, "nobody would have judged this hit"
