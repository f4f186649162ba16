"""Labels by what policies can tell apart: tenant and attributes. Thousands of labels have few such classes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock

from schemas.label import Label, LabelId

REMEMBERED = 500_000
"""Labels whose class is kept at hand; beyond it all are forgotten and found anew."""
UNJUDGEABLE = -1


@dataclass(frozen=True, slots=True)
class LabelClass:
    tenant: str
    attributes: Mapping[str, str]


class Classes:
    """Gives each class a number. Safe with several threads; what a label's id stands for never changes.

    `declared` None = attributes do not matter; else a label with any other attribute has no class.
    """

    def __init__(self, declared: frozenset[str] | None) -> None:
        self._declared = declared
        self._lock = Lock()
        self._number_of: dict[LabelId, int] = {}
        self._numbers: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}
        self._classes: list[LabelClass] = []

    def __getitem__(self, number: int) -> LabelClass:
        return self._classes[number]

    def group(self, labels: Iterable[LabelId], definitions: Mapping[LabelId, Label]) -> dict[int, list[LabelId]]:
        """Class -> its labels. Left out: labels without a definition or a class."""
        groups: dict[int, list[LabelId]] = {}
        known = self._number_of
        for label_id in labels:
            number = known.get(label_id)
            if number is None:
                number = self._learn(label_id, definitions.get(label_id))
            if number in groups:
                groups[number].append(label_id)
            else:
                groups[number] = [label_id]
        groups.pop(UNJUDGEABLE, None)
        return groups

    def attributes(self, label: Label) -> Mapping[str, str] | None:
        """What policies may know of the label's attributes; None = it cannot be judged."""
        if not self._expressible(label):
            return None
        return {} if self._declared is None else label.attributes

    def _learn(self, label_id: LabelId, label: Label | None) -> int:
        if label is None:
            return UNJUDGEABLE
        attributes = self.attributes(label)
        with self._lock:
            if len(self._number_of) >= REMEMBERED:
                self._number_of.clear()
            if attributes is None:
                return self._number_of.setdefault(label_id, UNJUDGEABLE)
            key = (label.tenant, tuple(sorted(attributes.items())))
            number = self._numbers.setdefault(key, len(self._classes))
            if number == len(self._classes):
                self._classes.append(LabelClass(label.tenant, dict(attributes)))
            return self._number_of.setdefault(label_id, number)

    def _expressible(self, label: Label) -> bool:
        """Cedar takes no text that UTF-8 cannot hold (half a surrogate pair)."""
        try:
            "".join((label.tenant, *label.attributes, *label.attributes.values())).encode()
        except UnicodeEncodeError:
            return False
        return self._declared is None or label.attributes.keys() <= self._declared
