"""What policies leave of the reached labels and sources before a search, and of hits after it."""

from collections import Counter
from typing import Any

import cedarpy
import pytest
from policy_stage import MONDAY_NOON_MS, PERMIT_ALL, Case, defined, facts, label, when, who

from query.policies import engine as engine_module
from query.policies.gate import PolicyGate
from query.policies.policy_set import PoliciesInvalid
from query.policies.ruling import Narrowed

SOURCES = frozenset({"crm", "helpdesk", "wiki"})
PUBLIC, SECRET, PLAIN = label(classification="public"), label(classification="secret"), label()
REACHED, DEFINITIONS = defined(PUBLIC, SECRET, PLAIN)
NO_SECRETS = """
forbid(principal, action, resource is Record)
when { resource.attributes has classification && resource.attributes.classification == "secret" }
unless { principal.attributes has clearance && principal.attributes.clearance == "secret" };
"""


def narrow(case: Case, text: str, **asking: Any) -> Narrowed:
    return case.ruling(text, **asking).narrow(REACHED, DEFINITIONS, SOURCES)


def test_without_a_folder_everything_reached_is_permitted(case: Case) -> None:
    ruling = PolicyGate(None, case.gate(PERMIT_ALL)._vocabulary).rule(who(), "search", when())
    assert ruling.narrow(REACHED, {}, SOURCES) == Narrowed(REACHED, SOURCES)
    assert [one.permitted for one in ruling.judge([facts(), facts(classification="secret")])] == [True, True]
    assert ruling.version == "none"


def test_the_base_policy_permits_everything_reached_and_nothing_else(case: Case) -> None:
    assert narrow(case, PERMIT_ALL) == Narrowed(REACHED, SOURCES)


def test_nothing_is_permitted_where_no_permit_applies(case: Case) -> None:
    text = 'permit(principal, action, resource) when { principal.subject == "bob" };'
    assert narrow(case, text) == Narrowed(frozenset(), frozenset())
    assert not case.judge(text).permitted
    assert narrow(case, text, asker=who("bob")) == Narrowed(REACHED, SOURCES)


def test_a_forbid_beats_every_permit(case: Case) -> None:
    assert narrow(case, PERMIT_ALL + NO_SECRETS).labels == {PUBLIC.id, PLAIN.id}
    assert not case.judge(PERMIT_ALL + NO_SECRETS, facts(classification="secret")).permitted
    assert narrow(case, PERMIT_ALL + "forbid(principal, action, resource);").labels == frozenset()


def test_what_an_identity_vouches_for_lifts_a_forbid(case: Case) -> None:
    assert narrow(case, PERMIT_ALL + NO_SECRETS, asker=who(clearance="secret")).labels == REACHED
    assert narrow(case, PERMIT_ALL + NO_SECRETS, asker=who(clearance="Secret")).labels == {PUBLIC.id, PLAIN.id}


def test_a_label_nobody_defined_is_withheld(case: Case) -> None:
    narrowed = case.ruling(PERMIT_ALL).narrow(REACHED, {PUBLIC.id: PUBLIC}, SOURCES)
    assert narrowed.labels == {PUBLIC.id}


def test_a_label_that_is_defined_later_is_permitted_from_then_on(case: Case) -> None:
    ruling = case.ruling(PERMIT_ALL)
    assert ruling.narrow(REACHED, {}, SOURCES).labels == frozenset()
    assert ruling.narrow(REACHED, DEFINITIONS, SOURCES).labels == REACHED


def test_a_forbidden_source_is_not_searched(case: Case) -> None:
    text = PERMIT_ALL + 'forbid(principal, action, resource is Record) when { resource.source == "crm" };'
    assert narrow(case, text) == Narrowed(REACHED, SOURCES - {"crm"})


def test_hits_of_a_label_that_only_some_sources_may_show_are_judged_one_by_one(case: Case) -> None:
    text = PERMIT_ALL + NO_SECRETS.replace('"secret" }\nunless', '"secret" && resource.source == "crm" }\nunless')
    narrowed = narrow(case, text)
    assert (narrowed.labels, narrowed.sources, narrowed.unsure) == (REACHED, SOURCES, {SECRET.id})
    judged = case.ruling(text).judge([facts("crm", classification="secret"), facts("wiki", classification="secret")])
    assert [one.permitted for one in judged] == [False, True]


@pytest.mark.parametrize(
    ("condition", "shown", "withheld"),
    [
        ('resource.age > duration("90d")', facts(age_ms=90 * 86_400_000), facts(age_ms=90 * 86_400_000 + 1)),
        (
            'resource.event_at < context.at.offset(duration("-1h"))',
            facts(age_ms=3_600_000),
            facts(age_ms=3_600_001),
        ),
        ('resource.table == "helpdesk.notes"', facts(), facts(table="helpdesk.notes")),
        (
            'resource.metadata has status && resource.metadata.status == "draft"',
            facts(metadata={"status": "final"}),
            facts(metadata={"status": "draft"}),
        ),
        (
            'resource.metadata has priority && resource.metadata.priority == "5"',
            facts(metadata={"priority": None}),
            facts(metadata={"priority": 5}),
        ),
    ],
)
def test_what_a_label_does_not_tell_is_judged_of_each_hit(
    case: Case, condition: str, shown: Any, withheld: Any
) -> None:
    text = f"{PERMIT_ALL}forbid(principal, action, resource is Record) when {{ {condition} }};"
    assert narrow(case, text) == Narrowed(REACHED, SOURCES, REACHED)
    assert [one.permitted for one in case.ruling(text).judge([shown, withheld])] == [True, False]


def test_only_labels_whose_condition_reaches_the_record_are_unsure(case: Case) -> None:
    text = PERMIT_ALL + NO_SECRETS.replace('"secret" }\nunless', '"secret" && resource.age > duration("1d") }\nunless')
    assert narrow(case, text).unsure == {SECRET.id}


def test_a_condition_no_function_is_made_for_is_decided_by_cedar(case: Case) -> None:
    """A set of sets, an entity as a value, and numbers."""
    for condition in (
        '[["secret"]].contains([resource.attributes.classification])',
        '{a: resource.attributes.classification} == {a: "secret"}',
        'resource.attributes.classification == "secret" && (if resource.tenant == "" then 1 else 0) == 0',
    ):
        text = NO_SECRETS.replace('resource.attributes.classification == "secret"', condition)
        assert narrow(case, PERMIT_ALL + text) == Narrowed({PUBLIC.id, PLAIN.id}, SOURCES), condition
        grouped = text.replace("action,", 'action in Action::"read",')
        assert narrow(case, PERMIT_ALL + grouped) == Narrowed({PUBLIC.id, PLAIN.id}, SOURCES), condition


def test_a_policy_that_cannot_be_evaluated_withholds_even_where_cedar_would_permit(case: Case) -> None:
    """Cedar leaves out a policy that errs: a forbid would be gone. Here nothing is shown instead."""
    overflow = "context.hour * 9223372036854775807 == 3"
    text = f"{PERMIT_ALL}forbid(principal, action, resource) when {{ {overflow} }};"
    assert narrow(case, text) == Narrowed(frozenset(), frozenset())
    assert not case.judge(text).permitted
    only_secret = NO_SECRETS.replace('"secret" }\nunless', f'"secret" && {overflow} }}\nunless')
    assert narrow(case, PERMIT_ALL + only_secret).labels == {PUBLIC.id, PLAIN.id}
    assert not case.judge(PERMIT_ALL + only_secret, facts(classification="secret")).permitted


def test_a_label_with_an_attribute_nobody_declared_is_withheld_once_policies_speak_of_attributes(case: Case) -> None:
    """A renamed attribute would otherwise escape the rule about it, in rows that still have the old name."""
    strange = label(sensitivity="secret")
    reached, definitions = defined(strange, PUBLIC)
    assert case.ruling(PERMIT_ALL).narrow(reached, definitions, SOURCES).labels == reached
    assert case.ruling(PERMIT_ALL + NO_SECRETS).narrow(reached, definitions, SOURCES).labels == {PUBLIC.id}
    assert not case.judge(PERMIT_ALL + NO_SECRETS, facts(sensitivity="x")).permitted
    assert case.judge(PERMIT_ALL, facts(sensitivity="x")).permitted


def test_a_judgement_names_the_policies_that_decided(case: Case) -> None:
    text = f'@id("base") {PERMIT_ALL}\n@id("no-secrets") {NO_SECRETS.strip()}'
    assert case.judge(text, facts(classification="secret")).policies == ("no-secrets",)
    assert case.judge(text).policies == ("base",)
    assert case.judge(PERMIT_ALL).policies == ("base.cedar:1",)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each of Cedar's evaluations ran."""
    counted: Counter[str] = Counter()

    def count(name: str) -> Any:
        genuine = getattr(cedarpy, name)

        def counting(*args: Any, **kwargs: Any) -> Any:
            counted[name] += 1
            return genuine(*args, **kwargs)

        return counting

    for name in ("is_authorized", "is_authorized_batch", "is_authorized_partial"):
        monkeypatch.setattr(cedarpy, name, count(name))
    return counted


def test_ten_thousand_labels_cost_one_evaluation_by_cedar_and_one_test_a_class(
    case: Case, asked: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = [
        label(classification=("public", "secret")[n % 2], region=f"r{n % 5}").model_copy(
            update={"readers": (f"user:{n}",)}
        )
        for n in range(10_000)
    ]
    reached, definitions = defined(*labels)
    engine = case.engine(PERMIT_ALL + NO_SECRETS)
    gate = case.gate()
    ruling = gate.rule(who(), "search", when())
    assert len(ruling.narrow(reached, definitions, SOURCES).labels) == 5_000
    assert asked == {"is_authorized_partial": 1}
    residual = ruling._residual
    assert residual is not None
    assert len(residual._verdicts) == 10
    judged: list[Any] = []
    genuine = type(residual)._judge
    monkeypatch.setattr(type(residual), "_judge", lambda self, facts: judged.append(facts) or genuine(self, facts))
    again = gate.rule(who("bob"), "search", when(at_ms=MONDAY_NOON_MS + 5, purpose="support"))
    assert len(again.narrow(reached, definitions, SOURCES).labels) == 5_000
    assert judged == [], "an asker and a time that policies do not tell apart find every verdict there"
    assert asked == {"is_authorized_partial": 1}
    assert engine.version == again.version
    assert gate.rule(who(clearance="secret"), "search", when()).narrow(reached, definitions, SOURCES).labels == reached
    assert asked == {"is_authorized_partial": 2}


def test_times_that_policies_round_off_share_what_is_left_of_them(case: Case, asked: Counter[str]) -> None:
    text = PERMIT_ALL + 'forbid(principal, action, resource) when { context.at.toTime() < duration("9h") };'
    gate = case.gate(text)
    first, later = (gate.rule(who(), "search", when(at_ms=MONDAY_NOON_MS + ms)) for ms in (0, 1))
    assert first._residual is later._residual
    assert asked == {"is_authorized_partial": 2}
    night = gate.rule(who(), "search", when(at_ms=MONDAY_NOON_MS - 4 * 3_600_000))
    assert night.narrow(REACHED, DEFINITIONS, SOURCES).labels == frozenset()


def test_more_askers_than_are_kept_at_hand_are_all_told_apart(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "KEPT", 2)
    gate = case.gate('permit(principal, action, resource) when { principal.subject like "a*" };')
    for subject in ("a1", "b1", "a2", "b2", "a1", "b1"):
        narrowed = gate.rule(who(subject), "search", when()).narrow(REACHED, DEFINITIONS, SOURCES)
        assert narrowed.labels == (REACHED if subject.startswith("a") else frozenset())


def test_an_operation_about_no_record_is_permitted_no_record(case: Case) -> None:
    for operation in ("freshness", "decide", "audit"):
        assert not case.judge(PERMIT_ALL, operation=operation).permitted
        assert narrow(case, PERMIT_ALL, operation=operation).labels == frozenset()


def test_deeply_nested_conditions_are_decided_or_refused_at_load(case: Case) -> None:
    def nested(depth: int) -> str:
        inner = "resource.attributes has region"
        for _ in range(depth):
            inner = f"(resource.attributes has region && {inner})"
        return f"permit(principal, action, resource is Record) when {{ {inner} }};"

    assert case.judge(nested(40), facts(region="eu")).permitted
    assert not case.judge(nested(40), facts()).permitted
    with pytest.raises(PoliciesInvalid):
        case.gate(nested(400))


def test_hits_are_judged_in_one_call(case: Case, asked: Counter[str]) -> None:
    ruling = case.ruling(PERMIT_ALL)
    assert [one.permitted for one in ruling.judge([facts(region=str(n)) for n in range(50)])] == [True] * 50
    assert asked == {"is_authorized_partial": 1, "is_authorized_batch": 1}
    assert ruling.judge([]) == []
