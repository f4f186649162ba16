"""The ceiling of a mandate, over labels."""

from collections.abc import Mapping, Set

from schemas.label import Label, LabelId


def within_ceiling(
    reached: Set[LabelId], definitions: Mapping[LabelId, Label], ceiling: Mapping[str, Set[str]]
) -> frozenset[LabelId]:
    """Those whose every attribute named by the ceiling has one of its values.

    A label without the attribute, or without a definition, is beyond the ceiling. An empty ceiling is none.
    """
    if not ceiling:
        return frozenset(reached)
    return frozenset(label for label in reached if label in definitions and is_within(definitions[label], ceiling))


def is_within(label: Label, ceiling: Mapping[str, Set[str]]) -> bool:
    return all(label.attributes.get(name) in allowed for name, allowed in ceiling.items())
