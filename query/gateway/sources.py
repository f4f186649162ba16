"""What there is to search, within a token's reach, page by page."""

from bisect import bisect_right
from collections.abc import Mapping

from query.asker import Asker
from query.capabilities.reach import reachable
from query.gateway.cursor import Cursors
from query.gateway.refusals import InvalidCursor
from schemas.contract import Contract
from schemas.record import SearchableSource, SearchableTable, SourcePage

KIND = "sources"


def sources_for(
    contracts: Mapping[str, Contract], cursors: Cursors, asker: Asker, limit: int, cursor: str | None
) -> SourcePage:
    """Up to `limit` sources by name, after those of the page that gave `cursor`. Raises InvalidCursor."""
    names = sorted(reachable(asker.mandate, contracts))
    after = None if cursor is None else cursors.open(KIND, asker.principal, None, cursor)
    if after is not None and not isinstance(after, str):
        raise InvalidCursor()
    rest = names if after is None else names[bisect_right(names, after) :]
    shown = rest[:limit]
    more = cursors.seal(KIND, asker.principal, None, shown[-1]) if len(rest) > limit else None
    return SourcePage(sources=[_source(contracts[name]) for name in shown], next_cursor=more)


def _source(contract: Contract) -> SearchableSource:
    tables = [
        SearchableTable(table=name, metadata=list(table.metadata))
        for name, table in sorted(contract.record_tables().items())
        if table.permissions is not None
    ]
    return SearchableSource(
        source=contract.source,
        tables=tables,
        slo_ms=round(contract.freshness.slo * 1000),
        half_life_seconds=contract.freshness.half_life,
        floor=contract.freshness.floor,
        confirmed_at_source=bool(contract.enforced()),
        history_seconds=None if contract.enforced() else contract.freshness.history,
    )
