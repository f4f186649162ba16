"""Which rows a question is answered from: the index as it is, or as it was."""

from collections.abc import Mapping

from index.history import HistoryReader
from index.store import ChunkReader
from query.authorize import Authorized
from query.history.available import Known, require_known
from query.history.then import IndexThen
from schemas.contract import Contract


def rows_as_of(
    as_of_ms: int,
    store: ChunkReader,
    history: HistoryReader | None,
    permitted: Authorized,
    contracts: Mapping[str, Contract],
    now_ms: int,
) -> ChunkReader:
    """The rows of a generation as they were.

    Raises AsOfUnavailable where a source that would be searched is not known as of that time.
    """
    known = Known(contracts, history.since() if history else {}, now_ms)
    require_known(as_of_ms, permitted.access.sources, permitted.statuses, known)
    return IndexThen(store, history, as_of_ms) if history else store
