"""Permission labels: equal sets have equal ids on every machine, others do not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.label import Label, LabelDefinition, LabelId

NAMES = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=5)
ATTRIBUTES = st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=4)


def label(**changed: Any) -> Label:
    return Label(**{"tenant": "acme", "readers": ("user:a", "team:7#member"), **changed})


def test_the_id_is_the_same_on_every_machine_and_in_every_version() -> None:
    assert label(denied=("user:b",), attributes={"z": "1", "a": "2"}).id == 8484040379131773840


@given(NAMES, NAMES, ATTRIBUTES, st.randoms())
def test_the_same_set_in_any_order_and_with_repeats_has_the_same_id(
    readers: list[str], denied: list[str], attributes: dict[str, str], chance: Any
) -> None:
    first = Label(tenant="t", readers=tuple(readers), denied=tuple(denied), attributes=attributes)
    mixed = [chance.sample(names * 2, len(names) * 2) for names in (readers, denied)]
    turned = dict(reversed(attributes.items()))
    again = Label(tenant="t", readers=tuple(mixed[0]), denied=tuple(mixed[1]), attributes=turned)
    assert again.id == first.id
    assert 0 < first.id < 2**63


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "globex"},
        {"readers": ("user:a",)},
        {"readers": ("user:a,team:7#member",)},
        {"denied": ("user:a",)},
        {"attributes": {"region": "eu"}},
        {"attributes": {"region": "us"}},
    ],
    ids=str,
)
def test_a_label_that_differs_in_anything_has_another_id(other: dict[str, Any]) -> None:
    ids = {label().id, label(**other).id, label(attributes={"region": ""}).id}
    assert len(ids) == 3


def test_a_reader_moved_to_denied_is_another_label() -> None:
    assert label(readers=("a",), denied=("b",)).id != label(readers=("b",), denied=("a",)).id


@pytest.mark.parametrize("missing", [{"tenant": ""}, {"readers": ()}])
def test_a_label_without_tenant_or_reader_cannot_be_made(missing: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        label(**missing)


def test_a_definition_under_another_id_is_not_genuine_also_after_the_journey() -> None:
    honest = LabelDefinition.of(label())
    assert LabelDefinition.model_validate_json(honest.model_dump_json()).genuine
    assert not LabelDefinition(id=LabelId(honest.id + 1), label=label()).genuine
    forged = honest.model_dump_json().replace("user:a", "user:eve")
    assert not LabelDefinition.model_validate_json(forged).genuine
