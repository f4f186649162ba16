"""What an asker may see, as a type: the only thing a search accepts."""

from dataclasses import dataclass

from schemas.label import LabelId


@dataclass(frozen=True, slots=True)
class AccessFilter:
    """Rows whose label is in `labels` and whose source is in `sources`; an empty set shows nothing.

    Made by `query/authorize.py` alone; a test fails the build when another file makes one.
    """

    labels: frozenset[LabelId]
    sources: frozenset[str]

    @property
    def empty(self) -> bool:
        return not self.labels or not self.sources

    def without(self, sources: frozenset[str], labels: frozenset[LabelId] = frozenset()) -> "AccessFilter":
        """A narrower one: nothing of these sources, and nothing under these labels."""
        return AccessFilter(self.labels - labels, self.sources - sources)
