"""One record, whole, by the same checks as a search."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from index.store import ChunkReader, Found, Row
from query.asker import Asker, Circumstances
from query.authorize import Authorized, authorize
from query.context.render import citation
from query.decisions.recorder import UnknownRecord
from query.gateway.refusals import RecordChanging
from query.hits import Shown, hit_of
from query.judge import Judge
from query.leave import Asking, Guards, leave, told
from query.on_record import Telling, lag_of
from query.ranking.scored import Scored
from query.ranking.top import Ranked
from query.search import Parts
from query.source.confirm import Leaving
from schemas.access import AccessFilter
from schemas.answer import Answer, Hit, Question
from schemas.contract import Contract
from schemas.record import Chunk, Record

_ALL = Question(query="get")
MOST_TRIES = 3


@dataclass(slots=True)
class Seen:
    """What one asker sees of single records, checked as hits are: labels, policies, the source's database, redaction.

    `withheld` counts what was kept back, by reason.
    """

    guards: Guards
    asker: Asker
    permitted: Authorized
    judge: Judge
    withheld: Counter[str] = field(default_factory=Counter)
    unconfirmed: frozenset[str] = frozenset()

    def of(self, rows: Sequence[Row]) -> list[Leaving]:
        """Those of the rows that may leave, as they may. Raises SourceUnconfirmed."""

        def top(access: AccessFilter, _: int) -> Ranked:
            every = [Scored(Found(row, 1.0), 1.0, 1.0) for row in rows]
            within = [s for s in every if s.found.row.label in access.labels and s.found.row.source in access.sources]
            may = self.judge.permits(within)
            return Ranked([s for s, permitted in zip(within, may, strict=True) if permitted], len(rows), True, True)

        definitions = self.permitted.visibility.definitions
        asking = Asking(
            self.asker, self.permitted.access, lambda label: definitions[label].attributes, self.judge.permits
        )
        left = leave(self.guards, asking, top, max(1, len(rows)))
        self.withheld += left.withheld
        self.unconfirmed |= left.unconfirmed
        return left.records


def seen_by(guards: Guards, asker: Asker, permitted: Authorized, contracts: Mapping[str, Contract]) -> Seen:
    return Seen(guards, asker, permitted, Judge(permitted, contracts))


def record_for(parts: Parts, asker: Asker, circumstances: Circumstances, record_id: str) -> Record:
    """The record, if the asker sees it; it counts as one against row budgets. Blocking.

    Raises UnknownRecord for any other, whether it exists or not; what `authorize` raises; SourceUnconfirmed,
    IndexUnavailable, RecordChanging, RecordUnavailable. Each is on record first, as the record is.
    """
    now = parts.clock()
    lag = lag_of(parts.grounds.view.as_of, now)
    telling = Telling(parts.recorder, "get", asker, circumstances, record_id, lag)
    with telling.refusals_recorded(), parts.budgets.limited(asker.mandate, 1):
        permitted = authorize(asker, _ALL, circumstances, parts.grounds, now, "get")
        seen = seen_by(parts.guards, asker, permitted, parts.grounds.contracts)
        shown = _whole(parts.live().store, seen, record_id)
        record = _record(shown, seen, now.wall_ms)
        given = Answer(
            hits=[record[1]],
            sources=told(permitted.statuses, seen.unconfirmed),
            exact=True,
            answered_ms=now.wall_ms,
            timings={},
        )
        answer_id = telling.recorded(permitted.ruling.version, seen.withheld + Counter(policy=seen.judge.denied), given)
        return record[0].model_copy(update={"id": answer_id})


def _whole(store: ChunkReader, seen: Seen, record_id: str) -> list[Leaving]:
    """All chunks, of one version. What the asker does not see costs the same calls as what does not exist."""
    for _ in range(MOST_TRIES):
        head = store.head(record_id)
        first = seen.of([] if head is None else [head])
        if head is None or not first:
            raise UnknownRecord()
        if head.chunks == 1:
            return first
        rows = sorted(store.held([record_id])[record_id].rows, key=lambda row: row.chunk)
        if [(row.position, row.label) for row in rows] != [(head.position, head.label)] * head.chunks:
            continue
        every = seen.of(rows)
        if len(every) != len(rows):
            raise UnknownRecord()
        return every
    raise RecordChanging()


def _record(shown: list[Leaving], seen: Seen, now_ms: int) -> tuple[Record, Hit]:
    """The record, and the hit that stands for it in the answer's record: its text is all passages, a line each."""
    first = shown[0]
    row = first.scored.found.row
    passages = {each.scored.found.row.text: each.scored.found.row.chunk for each in reversed(shown)}
    chunks = [Chunk(chunk=number, text=text) for text, number in sorted(passages.items(), key=lambda one: one[1])]
    whole = replace(row, text="\n".join(chunk.text for chunk in chunks))
    scored = replace(first.scored, found=Found(whole, 1.0))
    hit = hit_of(Shown(replace(first, scored=scored)), seen.permitted, seen.judge.metadata(row), now_ms)
    record = Record(
        **{name: getattr(hit, name) for name in Record.model_fields if name not in ("id", "chunks", "citation")},
        chunks=chunks,
        citation=citation(hit),
    )
    return record, hit
