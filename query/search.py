"""From a question to an answer: the whole flow, top to bottom."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import orjson

from index.embedder import Embedder
from index.errors import TextTooLong, UnusableText
from index.store import ChunkReader, Found, Vector
from query.authorize import Authorized, authorize
from query.clock import Clock
from query.principal import Principal
from query.rank import Scored, exact_top, scorer
from query.view import PermissionView
from schemas.access import AccessFilter
from schemas.answer import Answer, Hit, Question
from schemas.contract import Contract
from schemas.errors import FreshlineError, InvalidQuestion


@dataclass(frozen=True, slots=True)
class Live:
    """One generation of the index: its rows, and the embedder that made their vectors."""

    embedder: Embedder
    store: ChunkReader


@dataclass(frozen=True, slots=True)
class Parts:
    """What answering needs. `contracts` by source; `lag_limit_s` beyond which nothing is shown.

    `live` gives the generation that is live now, or raises IndexUnavailable.
    """

    live: Callable[[], Live]
    view: PermissionView
    contracts: Mapping[str, Contract]
    lag_limit_s: float
    clock: Clock


def answer(parts: Parts, principal: Principal, question: Question) -> Answer:
    """Authorize ▸ embed ▸ retrieve ▸ rank ▸ answer. Blocking.

    Raises InvalidQuestion, PermissionsUnknown, or IndexUnavailable when the index is away.
    """
    watch = Stopwatch()
    with watch.measure("total"):
        with watch.measure("authorize"):
            permitted = authorize(principal, question, parts.view, parts.contracts, parts.lag_limit_s, parts.clock())
        with watch.measure("embed"):
            # After authorizing: what a watermark says is searchable is in the generation that is live by then.
            live = parts.live()
            vector = _embed(live.embedder, question.query)
        now_ms = parts.clock().wall_ms

        def retrieve(limit: int) -> list[Found]:
            with watch.measure("retrieve"):
                return _permitted_only(live.store, vector, permitted.access, limit)

        with watch.measure("rank"):
            score = scorer(parts.contracts, question.half_life_seconds, now_ms)
            ranked = exact_top(retrieve, score, question.limit)
        hits = [_hit(one, permitted, now_ms) for one in ranked.records]
    return Answer(
        hits=hits, sources=permitted.statuses, exact=ranked.exact, answered_ms=now_ms, timings=watch.timings()
    )


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
        """Rounded to microseconds. Retrieving happens within ranking, so `rank` is given without it."""
        net = {**self._ms, "rank": self._ms["rank"] - self._ms.get("retrieve", 0.0)}
        order = ("authorize", "embed", "retrieve", "rank", "total")
        return {step: round(net[step], 3) for step in order if step in net}


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


def _hit(scored: Scored, permitted: Authorized, now_ms: int) -> Hit:
    row = scored.found.row
    return Hit(
        record_id=row.record_id,
        source=row.source,
        table=row.table,
        key=orjson.loads(row.key),
        title=row.title,
        text=row.text,
        url=row.url,
        metadata=orjson.loads(row.metadata),
        score=scored.score,
        similarity=scored.similarity,
        freshness=scored.freshness,
        commit_ms=row.commit_ms,
        event_ms=row.event_ms,
        age_ms=max(0, now_ms - row.event_ms),
        position=row.position,
        chunk=row.chunk,
        why=permitted.visibility.why(row.label),
    )
