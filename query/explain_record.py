"""What an asker may be told of why it sees a record."""

from index.store import Found
from query.asker import Asker, Circumstances
from query.authorize import authorize, doubted_sources
from query.decisions.recorder import UnknownRecord
from query.explain import Explanation, explain
from query.leave import Asking, leave
from query.rank import Ranked, Scored
from query.search import Judge, Parts
from schemas.access import AccessFilter
from schemas.answer import Question

_ALL = Question(query="explain")


def explain_to(parts: Parts, asker: Asker, circumstances: Circumstances, record_id: str) -> Explanation:
    """What the asker may be told of a record that it sees, by the same checks as a search.

    Raises UnknownRecord for any other record, whether it exists or not, and what `authorize` raises.
    """
    now = parts.clock()
    permitted = authorize(asker, _ALL, circumstances, parts.grounds, now, "explain")
    row = parts.live().store.head(record_id)
    judge = Judge(permitted, parts.grounds.contracts)

    def top(access: AccessFilter, _: int) -> Ranked:
        one = [] if row is None else [Scored(Found(row, 1.0), 1.0, 1.0)]
        within = [s for s in one if s.found.row.label in access.labels and s.found.row.source in access.sources]
        return Ranked(
            [s for s, is_permitted in zip(within, judge.permits(within), strict=True) if is_permitted], 1, True
        )

    definitions = permitted.visibility.definitions
    asking = Asking(asker, permitted.access, lambda label: definitions[label].attributes, judge.permits)
    seen = leave(parts.guards, asking, top, 1).records
    told = None
    if seen and row is not None:
        told = explain(parts.grounds.view, asker.principal, row.label, doubted_sources(parts.grounds, now)).for_asker()
    if told is None:
        raise UnknownRecord()
    return told
