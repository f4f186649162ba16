"""Labels that come before the content they are for.

After a crash some of `freshline.changes` is there twice, and compaction keeps of each key what stands last. So whoever
reads the topic from its beginning may meet a relabel first, and only then the content it followed. The content is taken
with that label, and stands where the relabel stands. A row that is relabelled exists: whatever took an older one away
is followed by newer content, or by a delete.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from index.store import Held
from schemas.change import Change
from schemas.position import Position

MOST = 10_000
"""Records remembered, the newest; content that comes for another is out of date, as for any reader that starts anew."""


@dataclass(slots=True)
class _Early:
    """`floor`: what is newer than that and older than the relabel is what the relabel is for."""

    relabel: Change
    floor: Position


class EarlyLabels:
    """Of records whose relabel found nothing in the index."""

    def __init__(self) -> None:
        self._early: OrderedDict[str, _Early] = OrderedDict()

    def note(self, relabels: Iterable[Change], held: Mapping[str, Held]) -> None:
        """Relabels that are about to be applied, and what the index holds of their records."""
        for change in relabels:
            known, found = self._early.get(change.record_id), held[change.record_id]
            if known is not None and change.position >= known.relabel.position:
                known.relabel = change
            elif known is None and not found.rows and change.position >= found.position:
                self._early[change.record_id] = _Early(change, found.position)
        while len(self._early) > MOST:
            self._early.popitem(last=False)

    def placed(self, changes: Sequence[Change]) -> list[Change]:
        """Content changes; those that a relabel came before stand where it stands, or are left out if they are void."""
        return [placed for change in changes if (placed := self._placed(change)) is not None]

    def _placed(self, change: Change) -> Change | None:
        early = self._early.get(change.record_id)
        if early is None:
            return change
        if change.position >= early.relabel.position:
            del self._early[change.record_id]
            return change
        if change.position < early.floor:
            return None
        early.floor = change.position
        label = early.relabel.label if change.op == "upsert" else None
        return change.model_copy(update={"position": early.relabel.position, "label": label})
