"""A mandate's ceiling over labels."""

from policy_stage import defined, label

from query.policies.ceiling import within_ceiling

LOW, HIGH, NONE = label(classification="public", region="eu"), label(classification="secret", region="eu"), label()
REACHED, DEFINITIONS = defined(LOW, HIGH, NONE)


def test_only_labels_with_an_allowed_value_of_every_attribute_are_within() -> None:
    ceiling = {"classification": frozenset({"public", "internal"}), "region": frozenset({"eu"})}
    assert within_ceiling(REACHED, DEFINITIONS, ceiling) == {LOW.id}


def test_a_label_without_the_attribute_or_without_a_definition_is_beyond() -> None:
    ceiling = {"region": frozenset({"eu", ""})}
    assert within_ceiling(REACHED, DEFINITIONS, ceiling) == {LOW.id, HIGH.id}
    assert within_ceiling(REACHED, {LOW.id: LOW}, ceiling) == {LOW.id}


def test_no_value_allowed_leaves_nothing_and_no_ceiling_leaves_all() -> None:
    assert within_ceiling(REACHED, DEFINITIONS, {"region": frozenset()}) == frozenset()
    assert within_ceiling(REACHED, DEFINITIONS, {}) == REACHED
