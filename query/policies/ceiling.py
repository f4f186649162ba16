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
    below = set(reached)
    for name, allowed in ceiling.items():
        below = {x for x in below if (label := definitions.get(x)) and label.attributes.get(name) in allowed}
    return frozenset(below)
