"""Each kind of condition about a label, decided here and by Cedar: the same."""

from typing import Any

import pytest
from policy_stage import Case, facts

from query.policies.predicate import CannotEvaluate, LabelFacts, NeedsRecord, NotUnderstood, compile_condition

RESOURCE = {"unknown": [{"Value": "resource"}]}
REGION = {".": {"left": {".": {"left": RESOURCE, "attr": "attributes"}}, "attr": "region"}}
ABOUT = LabelFacts("acme", {"region": "eu"}, "crm")
HERE = "resource.attributes.region"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f'{HERE} == "eu"', True),
        (f'{HERE} != "eu"', False),
        (f'{HERE} != "us"', True),
        (f'["eu", "us"].contains({HERE})', True),
        (f'["us"].contains({HERE})', False),
        (f'["eu"].containsAll([{HERE}])', True),
        (f'["eu"].containsAll([{HERE}, "us"])', False),
        (f'["eu", "x"].containsAny([{HERE}, "us"])', True),
        (f'["x"].containsAny([{HERE}])', False),
        (f'[{HERE}] == ["eu", "eu"]', True),
        (f"[{HERE}].isEmpty()", False),
        (f'{HERE} like "e*"', True),
        (f'{HERE} like "E*"', False),
        (f'!({HERE} == "eu")', False),
        (f'{HERE} == "us" || resource.source == "crm"', True),
        (f'{HERE} == "eu" && resource.tenant == "acme"', True),
        (f'if {HERE} == "eu" then resource.source == "wiki" else true', False),
    ],
)
def test_each_kind_of_condition_is_decided_like_cedar_does(case: Case, condition: str, expected: bool) -> None:
    text = f"permit(principal, action, resource is Record) when {{ resource.attributes has region && ({condition}) }};"
    ruling, record = case.ruling(text), facts("crm", region="eu")
    narrowed = ruling.narrow(frozenset({record.label.id}), {record.label.id: record.label}, frozenset({"crm"}))
    assert not narrowed.needs_hit_check
    assert bool(narrowed.labels) is expected
    assert ruling.judge([record])[0].permitted is expected


@pytest.mark.parametrize(
    ("expr", "error"),
    [
        ({".": {"left": {".": {"left": RESOURCE, "attr": "attributes"}}, "attr": "colour"}}, CannotEvaluate),
        ({"!": {"arg": REGION}}, CannotEvaluate),
        ({"&&": {"left": REGION, "right": {"Value": True}}}, CannotEvaluate),
        ({"like": {"left": {"Value": True}, "pattern": ["Wildcard"]}}, CannotEvaluate),
        ({"contains": {"left": REGION, "right": REGION}}, CannotEvaluate),
        ({"has": {"left": REGION, "attr": "x"}}, CannotEvaluate),
        ({".": {"left": RESOURCE, "attr": "table"}}, NeedsRecord),
        ({"==": {"left": RESOURCE, "right": RESOURCE}}, NeedsRecord),
        ({"Set": [{"Set": []}]}, NotUnderstood),
    ],
)
def test_what_cannot_be_decided_of_a_label_raises_instead_of_deciding(expr: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        compile_condition(expr)(ABOUT)


@pytest.mark.parametrize("expr", [{"Value": 5}, {"<": {"left": {"Value": 1}, "right": {"Value": 2}}}, {"new": 1}, {}])
def test_a_kind_that_is_not_known_is_left_to_cedar(expr: Any) -> None:
    with pytest.raises(NotUnderstood):
        compile_condition(expr)


def test_true_is_no_text() -> None:
    assert compile_condition({"==": {"left": {"Value": True}, "right": {"Value": "true"}}})(ABOUT) is False
