"""What an asker may be told of why it sees a record."""

from collections import Counter

from query.asker import Asker, Circumstances
from query.authorize import authorize, doubted_sources
from query.decisions.recorder import UnknownRecord
from query.explain import Explanation, explain
from query.gateway.records import seen_by
from query.leave import told
from query.on_record import Telling, lag_of
from query.search import Parts
from schemas.answer import Answer, Question

_ALL = Question(query="explain")


def explain_to(parts: Parts, asker: Asker, circumstances: Circumstances, record_id: str) -> Explanation:
    """What the asker may be told of a record that it sees, by the same checks as a search. On record before it leaves.

    Raises UnknownRecord for any other record, whether it exists or not, what `authorize` raises, and
    RecordUnavailable.
    """
    now = parts.clock()
    lag = lag_of(parts.grounds.view.as_of, now)
    telling = Telling(parts.recorder, "explain", asker, circumstances, record_id, lag)
    with telling.refusals_recorded():
        permitted = authorize(asker, _ALL, circumstances, parts.grounds, now, "explain")
        row = parts.live().store.head(record_id)
        seen = seen_by(parts.guards, asker, permitted, parts.grounds.contracts)
        explanation = None
        if seen.of([] if row is None else [row]) and row is not None:
            doubted = doubted_sources(parts.grounds, now)
            explanation = explain(parts.grounds.view, asker.principal, row.label, doubted).for_asker()
        if explanation is None:
            raise UnknownRecord()
        sources = told(permitted.statuses, seen.unconfirmed)
        given = Answer(hits=[], sources=sources, exact=True, answered_ms=now.wall_ms, timings={})
        telling.recorded(permitted.ruling.version, seen.withheld + Counter(policy=seen.judge.denied), given)
        return explanation
