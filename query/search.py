"""From a question to an answer: the whole flow, top to bottom."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import Any

import orjson

from index.embedder import Embedder
from index.errors import TextTooLong, UnusableText
from index.store import ChunkReader, Found, Row, Vector
from query.asker import Asker, Circumstances
from query.authorize import Authorized, Grounds, authorize
from query.budget import Budgets
from query.clock import Clock, Instant
from query.decisions.recorder import Facts, Recorder
from query.leave import Asking, Guards, Left, leave, told
from query.policies.facts import RecordFacts
from query.rank import Ranked, Scored, exact_top, scorer
from query.source.confirm import Leaving
from schemas.access import AccessFilter
from schemas.answer import Answer, Hit, Question
from schemas.contract import Contract
from schemas.errors import FreshlineError, InvalidQuestion, RecordUnavailable, Refused


@dataclass(frozen=True, slots=True)
class Live:
    """One generation of the index: its rows, and the embedder that made their vectors."""

    embedder: Embedder
    store: ChunkReader


@dataclass(frozen=True, slots=True)
class Parts:
    """What answering needs. `guards` check what leaves, `recorder` keeps a record of it.

    `live` gives the generation that is live now, or raises IndexUnavailable.
    """

    live: Callable[[], Live]
    grounds: Grounds
    guards: Guards
    recorder: Recorder
    budgets: Budgets
    clock: Clock


def answer(parts: Parts, asker: Asker, circumstances: Circumstances, question: Question) -> Answer:
    """Authorize ▸ embed ▸ retrieve ▸ rank ▸ confirm ▸ redact ▸ record ▸ answer. Blocking.

    The answer, or the refusal, is on record before it leaves. Raises InvalidQuestion, Forbidden, PermissionsUnknown,
    PolicyBroken, SourceUnconfirmed, IndexUnavailable, and RecordUnavailable.
    """
    lag_ms = _lag_ms(parts.grounds.view.as_of, parts.clock())
    record = partial(parts.recorder.record_answer, asker, circumstances, question)
    try:
        with parts.budgets.limited(asker.mandate, question.limit) as limit:
            watch = Stopwatch()
            drawn = _draw(parts, asker, circumstances, question, limit, watch)
            given = Answer(
                hits=drawn.hits,
                sources=told(drawn.permitted.statuses, drawn.found.unconfirmed),
                exact=drawn.found.exact,
                answered_ms=drawn.now_ms,
                timings=watch.timings(),
            )
            with watch.measure("record"):
                answer_id = record(Facts(drawn.permitted.ruling.version, lag_ms, drawn.found.withheld), given)
            return given.model_copy(update={"id": answer_id, "timings": watch.timings()})
    except RecordUnavailable:
        raise
    except Refused as refused:
        record(Facts(view_lag_ms=lag_ms), refused)
        raise


@dataclass(frozen=True, slots=True)
class Drawn:
    """What may leave, as hits too; what decided that; the time of the answer (milliseconds since 1970, UTC)."""

    found: Left
    hits: list[Hit]
    permitted: Authorized
    now_ms: int


def _draw(
    parts: Parts, asker: Asker, circumstances: Circumstances, question: Question, limit: int, watch: "Stopwatch"
) -> Drawn:
    with watch.measure("authorize"):
        permitted = authorize(asker, question, circumstances, parts.grounds, parts.clock())
    with watch.measure("embed"):
        # After authorizing: what a watermark says is searchable is in the generation that is live by then.
        live = parts.live()
        vector = _embed(live.embedder, question.query)
    now_ms = parts.clock().wall_ms
    score = scorer(parts.grounds.contracts, question.half_life_seconds, now_ms)
    judge = Judge(permitted, parts.grounds.contracts)

    def top(access: AccessFilter, most: int) -> Ranked:
        def retrieve(chunks: int) -> list[Found]:
            with watch.measure("retrieve"):
                return _permitted_only(live.store, vector, access, chunks)

        with watch.measure("rank"):
            return exact_top(retrieve, score, most, judge.permits)

    definitions = permitted.visibility.definitions
    asking = Asking(asker, permitted.access, lambda label: definitions[label].attributes, judge.permits)
    with watch.measure("leave"):
        found = leave(parts.guards, asking, top, limit)
    hits = [_hit(one, permitted, judge.metadata(one.scored.found.row), now_ms) for one in found.records]
    return Drawn(replace(found, withheld=found.withheld + Counter(policy=judge.denied)), hits, permitted, now_ms)


class Judge:
    """What of the records of one question may be shown, beyond what labels say. Each is judged once.

    Policies that speak of more than labels, and the contracts as they are now: rows of a table that is no longer
    searchable are no longer shown, and columns that are no longer metadata are cut off.
    """

    def __init__(self, permitted: Authorized, contracts: Mapping[str, Contract]) -> None:
        self._permitted = permitted
        self._metadata = {
            (source, name): frozenset(table.metadata)
            for source, contract in contracts.items()
            for name, table in contract.record_tables().items()
            if table.permissions is not None
        }
        self._judged: dict[tuple[str, str], bool] = {}

    @property
    def denied(self) -> int:
        """How many records were not permitted."""
        return sum(not permitted for permitted in self._judged.values())

    def permits(self, records: Sequence[Scored]) -> list[bool]:
        rows = [one.found.row for one in records]
        known = [(row.source, row.table) in self._metadata for row in rows]
        unsure = [
            row
            for row, is_known in zip(rows, known, strict=True)
            if is_known and row.label in self._permitted.unsure and _version(row) not in self._judged
        ]
        judgements = self._permitted.ruling.judge([self._facts(row) for row in unsure])
        for row, judgement in zip(unsure, judgements, strict=True):
            self._judged[_version(row)] = judgement.permitted
        return [
            is_known and (row.label not in self._permitted.unsure or self._judged[_version(row)])
            for row, is_known in zip(rows, known, strict=True)
        ]

    def metadata(self, row: Row) -> dict[str, Any]:
        """What of a row's metadata the contract still names."""
        named = self._metadata[row.source, row.table]
        return {column: value for column, value in orjson.loads(row.metadata).items() if column in named}

    def _facts(self, row: Row) -> RecordFacts:
        label = self._permitted.visibility.definitions[row.label]
        return RecordFacts(label, row.source, row.table, row.event_ms, self.metadata(row))


def _version(row: Row) -> tuple[str, str]:
    """All that is judged of a row: confirmed at its source, it is another one at the same position."""
    return row.record_id, f"{row.position} {row.label} {row.event_ms} {row.metadata}"


def _lag_ms(as_of: float | None, now: Instant) -> int | None:
    return None if as_of is None else max(0, round((now.steady - as_of) * 1000))


@dataclass(slots=True)
class Stopwatch:
    """Milliseconds by step; a step measured again adds up."""

    _ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, step: str) -> Iterator[None]:
        began = perf_counter()
        try:
            yield
        finally:
            self._ms[step] = self._ms.get(step, 0.0) + (perf_counter() - began) * 1000

    def timings(self) -> dict[str, float]:
        """Rounded to microseconds; `leave` and `rank` without what happened within them, and all of it as `total`."""
        inner = {"leave": "rank", "rank": "retrieve"}
        net = {step: ms - self._ms.get(inner.get(step, ""), 0.0) for step, ms in self._ms.items()}
        order = ("authorize", "embed", "retrieve", "rank", "leave", "record")
        told = {step: round(net[step], 3) for step in order if step in net}
        return {**told, "total": round(sum(net.values()), 3)}


def _embed(embedder: Embedder, text: str) -> Vector:
    try:
        return embedder.embed_question(text)
    except UnusableText:
        raise InvalidQuestion("the query must hold some text") from None
    except TextTooLong as error:
        raise InvalidQuestion(f"the query has {error.tokens} tokens, the model reads {error.limit}") from None


def _permitted_only(store: ChunkReader, vector: Vector, access: AccessFilter, limit: int) -> list[Found]:
    """Nothing is searched for who may see nothing; a row the filter should have kept out is a failure."""
    if access.empty:
        return []
    found = store.search(vector, access, limit)
    if any(f.row.label not in access.labels or f.row.source not in access.sources for f in found):
        raise FreshlineError("the index returned a row outside the filter it was given; nothing is shown")
    return found


def _hit(leaving: Leaving, permitted: Authorized, metadata: dict[str, Any], now_ms: int) -> Hit:
    scored, row = leaving.scored, leaving.scored.found.row
    return Hit(
        record_id=row.record_id,
        source=row.source,
        table=row.table,
        key=orjson.loads(row.key),
        title=row.title,
        text=row.text,
        url=row.url,
        metadata=metadata,
        score=scored.score,
        relevance=scored.similarity,
        similarity=scored.similarity,
        freshness=scored.freshness,
        commit_ms=row.commit_ms,
        event_ms=row.event_ms,
        age_ms=max(0, now_ms - row.event_ms),
        position=row.position,
        chunk=row.chunk,
        why=permitted.visibility.why(row.label),
        confirmed_ms=leaving.confirmed_ms,
        changed=leaving.changed,
    )
