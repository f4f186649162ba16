"""Texts that others choose: attributes, purposes, subjects, addresses, metadata. None of them is ever policy."""

import time

import pytest
from policy_stage import PERMIT_ALL, Case, defined, facts, label, when, who

from query.policies.predicate import matches
from schemas.label import Label

BREAKOUTS = [
    '"',
    '" || true || "',
    '"}; permit(principal, action, resource); //',
    'User::"root"',
    "\\",
    '\\"',
    "\x00",
    "\n",
    "{{",
    "${env:SECRET}",
    "'; DROP TABLE",
    "ﬀ",
    "é",
    "e\u0301",
    "\u202e",
    "😀",
    "__extn",
    "*",
    "5",
]
ONLY_PUBLIC = """permit(principal, action, resource is Record)
when { resource.attributes has classification && resource.attributes.classification == "public" };"""
ONLY_SUPPORT = 'permit(principal, action, resource) when { context.purpose == "support" };'


@pytest.mark.parametrize("text", BREAKOUTS, ids=range(len(BREAKOUTS)))
def test_no_text_makes_itself_permitted(case: Case, text: str) -> None:
    assert not case.judge(ONLY_PUBLIC, facts(classification=text)).permitted
    assert not case.judge(ONLY_SUPPORT, purpose=text).permitted
    only_alice = 'permit(principal, action, resource) when { principal.subject == "alice" };'
    assert not case.judge(only_alice, asker=who(text.replace("*", "+"))).permitted
    cleared = (
        "permit(principal, action, resource) when"
        ' { principal.attributes has clearance && principal.attributes.clearance == "x" };'
    )
    assert not case.judge(cleared, asker=who(clearance=text)).permitted


@pytest.mark.parametrize("text", BREAKOUTS, ids=range(len(BREAKOUTS)))
def test_any_text_equals_itself_and_nothing_else(case: Case, text: str) -> None:
    same = (
        "permit(principal, action, resource is Record) when { resource.attributes has classification"
        " && resource.attributes.classification == context.purpose };"
    )
    assert case.judge(same, facts(classification=text), purpose=text).permitted
    assert not case.judge(same, facts(classification=text), purpose=text + " ").permitted


def test_very_long_texts_are_compared_like_any_other(case: Case) -> None:
    long = "public" * 200_000
    assert not case.judge(ONLY_PUBLIC, facts(classification=long)).permitted
    assert not case.judge(ONLY_SUPPORT, purpose=long).permitted


def test_half_a_character_in_a_request_permits_nothing(case: Case) -> None:
    assert not case.judge(PERMIT_ALL, purpose="\ud800").permitted
    assert not case.judge(PERMIT_ALL, asker=who("\udfff")).permitted


def test_half_a_character_in_a_label_withholds_that_label_alone(case: Case) -> None:
    broken = Label.model_construct(
        tenant="acme", readers=("user:alice",), denied=(), attributes={"classification": "\ud800"}
    )
    good = label(classification="public")
    reached, definitions = defined(good)
    ruling = case.ruling(PERMIT_ALL)
    narrowed = ruling.narrow(reached | {7}, {**definitions, 7: broken}, frozenset({"wiki"}))  # type: ignore[dict-item]
    assert narrowed.labels == {good.id}


def test_a_hit_that_cannot_be_told_takes_no_other_with_it(case: Case) -> None:
    hits = [facts(), facts(table="\ud800"), facts(metadata={"status": "\ud800"}), facts(age_ms=2**70), facts()]
    assert [one.permitted for one in case.ruling(PERMIT_ALL).judge(hits)] == [True, False, False, False, True]


@pytest.mark.parametrize(
    "address", ["testclient", "10.0.0.0/8", "10.1.2.3, 10.0.0.1", '10.1.2.3")', "010.1.2.3", "\ud800"]
)
def test_an_address_that_is_none_permits_nothing(case: Case, address: str) -> None:
    """Left out, it would pass a forbid about addresses."""
    assert not case.judge(PERMIT_ALL, address=address).permitted
    assert not case.gate(PERMIT_ALL).permits(who(), "audit", when(address=address)).permitted


@pytest.mark.parametrize(("value", "text"), [(5, "5"), ("5", "5"), (True, "true"), (5.5, "5.5"), ([1], "[1]")])
def test_metadata_is_compared_as_json_writes_it(case: Case, value: object, text: str) -> None:
    policy = (
        "permit(principal, action, resource is Record) when"
        ' {{ resource.metadata has priority && resource.metadata.priority == "{}" }};'
    )
    hit = facts(metadata={"priority": value})
    assert case.judge(policy.format(text), hit).permitted
    assert not case.judge(policy.format("6"), hit).permitted


def test_metadata_cannot_pose_as_cedar_data(case: Case) -> None:
    policy = "permit(principal, action, resource is Record) when { resource.metadata has status };"
    hit = facts(metadata={"status": {"__entity": {"type": "User", "id": "asker"}}, "undeclared": {"__extn": 1}})
    assert case.judge(policy, hit).permitted


def test_another_tenants_label_is_judged_by_its_own_tenant(case: Case) -> None:
    policy = "permit(principal, action, resource is Record) when { resource.tenant == principal.tenant };"
    theirs, ours = label(tenant="other"), label()
    reached, definitions = defined(theirs, ours)
    assert case.ruling(policy).narrow(reached, definitions, frozenset({"wiki"})).labels == {ours.id}


def test_a_pattern_over_a_long_text_is_answered_at_once() -> None:
    began = time.perf_counter()
    assert not matches(["", *["a"] * 40, "b"], "a" * 1_000_000)
    assert time.perf_counter() - began < 5, "backtracking would take longer than anyone waits"


@pytest.mark.parametrize(
    ("pieces", "text", "expected"),
    [
        (["a"], "a", True),
        (["a"], "ab", False),
        (["a", ""], "ab", True),
        (["", "b"], "ab", True),
        (["ab", "ba"], "aba", False),
        (["a", "b", "c"], "a-b-c", True),
        (["a", "b", "c"], "a-c", False),
        (["", "", ""], "", True),
        (["", "x", "x", ""], "x", False),
        (["", "\n", ""], "a\nb", True),
    ],
)
def test_patterns_match_like_cedars(pieces: list[str], text: str, expected: bool) -> None:
    assert matches(pieces, text) is expected
