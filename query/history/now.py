"""What was shown once is shown again only of records that may be shown now: policies judge them as they are, too."""

from collections.abc import Sequence
from dataclasses import replace

from index.store import ChunkReader, Found, Row
from query.authorize import Authorized
from query.ranking.scored import Permits, Scored


def also_now(then: Permits, store: ChunkReader, permitted: Authorized) -> Permits:
    """Permits a version of the past if `then` permits it, and permits what the index has of its record now.

    Only rows that policies judge one by one are looked up, each once; one that is gone is not permitted. Raises
    IndexUnavailable.
    """
    known = dict[str, Row | None]()

    def current(records: Sequence[Scored]) -> None:
        names = [one.found.row.record_id for one in records if one.found.row.record_id not in known]
        held = store.held(names) if names else {}
        known.update({name: next(iter(held[name].rows), None) for name in names})

    def permits(records: Sequence[Scored]) -> list[bool]:
        may = then(records)
        doubtful = [at for at, one in enumerate(records) if may[at] and one.found.row.label in permitted.unsure]
        current([records[at] for at in doubtful])
        for at in doubtful:
            row = known[records[at].found.row.record_id]
            may[at] = (
                row is not None
                and row.label in permitted.access.labels
                and then([replace(records[at], found=Found(row, 0.0))]) == [True]
            )
        return may

    return permits
