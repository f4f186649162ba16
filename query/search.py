"""From a question to an answer: the whole flow, top to bottom."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Protocol

import numpy as np

from index.embedder import Embedder
from index.errors import TextTooLong, UnusableText
from index.history import HistoryReader
from index.store import ChunkReader, Vector
from query.asker import Asker, Circumstances
from query.authorize import Authorized, Grounds, authorize
from query.budget import Budgets
from query.clock import Clock
from query.context.fit import Fitted, fit, require_known_columns
from query.context.tokenizer import EmbedderTokenizer, TokenCounter
from query.decisions.recorder import Facts, Recorder
from query.freshness.demands import judged, unmet
from query.history.choose import rows_as_of
from query.history.now import also_now
from query.hits import Shown, hit_of
from query.judge import Judge
from query.leave import Asking, Guards, Left, leave, told
from query.on_record import lag_of
from query.ranking.decay import decay_of
from query.ranking.pick import Rule
from query.ranking.relevance import Batch, Retrieval
from query.ranking.rerank import Reranker, pool_of, rerank
from query.ranking.scored import Page
from query.ranking.top import Ranked, Wanted, exact_top
from query.stopwatch import Stopwatch
from schemas.access import AccessFilter
from schemas.answer import Answer, Question
from schemas.errors import InvalidQuestion, RecordUnavailable, Refused, RerankUnavailable

NO_VECTOR: Vector = np.empty(0, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Live:
    """One generation of the index: its rows, the embedder that made their vectors, and its past, where it is kept."""

    embedder: Embedder
    store: ChunkReader
    history: HistoryReader | None = None


class Pages(Protocol):
    """Turns the place where a page ended into an opaque text and back.

    `opened` raises a Refused for one that was not made for this asker and this question; `closed` gives None where
    there is to be no further page.
    """

    def opened(self, cursor: str, asker: Asker, question: Question, /) -> Page: ...
    def closed(self, page: Page, asker: Asker, question: Question, /) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What answering needs. `guards` check what leaves, `recorder` keeps a record of it.

    `live` gives the generation that is live now, or raises IndexUnavailable. Without `pages` an answer has but one.
    """

    live: Callable[[], Live]
    grounds: Grounds
    guards: Guards
    recorder: Recorder
    budgets: Budgets
    clock: Clock
    reranker: Reranker | None = None
    pages: Pages | None = None
    counter: TokenCounter | None = None
    """Counts what hits take of a prompt; the embedder's own tokens where there is none."""
    ranking_s: float = inf
    """After so many seconds ranking fetches no more, and the answer is not `exact`."""
    ahead: Callable[[], tuple[Live | None, Callable[[], Live]]] | None = None
    """Gives the generation that was live last, and what `live` gives, asked for meanwhile."""


def answer(parts: Parts, asker: Asker, circumstances: Circumstances, question: Question) -> Answer:
    """Authorize ▸ embed ▸ retrieve ▸ rank ▸ confirm ▸ redact ▸ record ▸ answer. Blocking.

    The answer, or the refusal, is on record before it leaves. Raises InvalidQuestion, Forbidden, PermissionsUnknown,
    PolicyBroken, SourceUnconfirmed, IndexUnavailable, TooStale, NotYetSearchable, and RecordUnavailable.
    """
    lag_ms = lag_of(parts.grounds.view.as_of, parts.clock())
    record = partial(parts.recorder.record_answer, asker, circumstances, question)
    try:
        with parts.budgets.limited(asker.mandate, question.limit) as limit:
            watch = Stopwatch()
            unmet(parts.grounds, asker.mandate, question, parts.clock().wall_ms).refuse()
            drawn = _draw(parts, asker, circumstances, question, limit, watch)
            statuses = told(drawn.permitted.statuses, drawn.found.unconfirmed)
            sources, stale = judged(statuses, question, parts.clock().wall_ms)
            given = Answer(
                hits=drawn.fitted.hits,
                sources=sources,
                stale=stale,
                exact=drawn.found.exact,
                answered_ms=drawn.now_ms,
                timings=watch.timings(),
                as_of_ms=question.as_of_ms,
                next_cursor=drawn.next_cursor,
                tokens=drawn.fitted.tokens,
                context=drawn.fitted.context,
            )
            with watch.measure("record"):
                answer_id = record(Facts(drawn.permitted.ruling.version, lag_ms, drawn.found.withheld), given)
            # Again: what is promised of staleness holds when the answer leaves, however long the record took.
            sources, stale = judged(statuses, question, parts.clock().wall_ms)
            left = {"id": answer_id, "timings": watch.timings(), "sources": sources, "stale": stale}
            return given.model_copy(update=left)
    except RecordUnavailable:
        raise
    except Refused as refused:
        record(Facts(view_lag_ms=lag_ms), refused)
        raise


@dataclass(frozen=True, slots=True)
class Drawn:
    """What may leave, and what of it fits, as hits; what decided that; the time it is of (ms since 1970, UTC); the next
    page."""

    found: Left
    fitted: Fitted
    permitted: Authorized
    now_ms: int
    next_cursor: str | None = None


def _draw(
    parts: Parts, asker: Asker, circumstances: Circumstances, question: Question, limit: int, watch: Stopwatch
) -> Drawn:
    page, reranker = _opened(parts, asker, question), _reranker(parts, question)
    with watch.measure("authorize"):
        permitted = authorize(asker, question, circumstances, parts.grounds, parts.clock())
        require_known_columns(question, [parts.grounds.contracts[each.source] for each in permitted.statuses])
    with watch.measure("embed"):
        # After authorizing: what a watermark says is searchable is in the generation that is live by then.
        live, vector = _embedded(parts, question)
    now_ms = page.now_ms if page else parts.clock().wall_ms
    rows, at_ms, contracts = live.store, now_ms, parts.grounds.contracts
    if question.as_of_ms is not None:
        at_ms = question.as_of_ms
        rows = rows_as_of(at_ms, live.store, live.history, permitted, contracts, parts.clock().wall_ms)
    judge = Judge(permitted, contracts)
    permits = judge.permits if question.as_of_ms is None else also_now(judge.permits, live.store, permitted)
    rule = Rule(question.most_per_source, page.after if page else None)
    ends = parts.clock().steady + parts.ranking_s
    decay = decay_of(contracts, at_ms, question.half_life_seconds, question.floor)

    def in_time() -> bool:
        return parts.clock().steady < ends

    def top(access: AccessFilter, most: int) -> Ranked:
        certain = partial(parts.guards.certain, asker, access, permitted.unsure)
        fetch = Retrieval(rows, access, decay, question.query, vector, certain).by(question.relevance)

        def measured(chunks: int, events_from: Mapping[str, int]) -> Batch:
            with watch.measure("retrieve"):
                return fetch(chunks, events_from)

        with watch.measure("rank"):
            return exact_top(measured, decay, access.sources, Wanted(most, permits, rule, in_time))

    definitions = permitted.visibility.definitions
    asking = Asking(asker, permitted.access, lambda label: definitions[label].attributes, judge.permits)
    with watch.measure("leave"):
        found = leave(parts.guards, asking, top, pool_of(limit) if reranker else limit, rule)
    shown = [Shown(each) for each in found.records]
    if reranker:
        with watch.measure("rerank"):
            shown = rerank(reranker, question.query, found.records, limit)
    hits = [hit_of(one, permitted, judge.metadata(one.leaving.scored.found.row), at_ms) for one in shown]
    with watch.measure("fit"):
        fitted = fit(question, hits, parts.counter or EmbedderTokenizer(live.embedder))
    found = replace(found, withheld=found.withheld + Counter(policy=judge.denied))
    return Drawn(found, fitted, permitted, now_ms, _next(parts, asker, question, found, now_ms))


def _opened(parts: Parts, asker: Asker, question: Question) -> Page | None:
    """Where the page that was asked for begins; None for the first one."""
    if question.cursor is None:
        return None
    if question.rerank or parts.pages is None:
        raise InvalidQuestion("this answer has no further pages: ask without cursor")
    return parts.pages.opened(question.cursor, asker, question)


def _next(parts: Parts, asker: Asker, question: Question, found: Left, now_ms: int) -> str | None:
    if parts.pages is None or question.rerank or found.last is None:
        return None
    return parts.pages.closed(Page(now_ms, found.last), asker, question)


def _reranker(parts: Parts, question: Question) -> Reranker | None:
    if question.rerank and parts.reranker is None:
        raise RerankUnavailable()
    return parts.reranker if question.rerank else None


def _embedded(parts: Parts, question: Question) -> tuple[Live, Vector]:
    """The live generation, and the question's vector by its model."""
    last, now = parts.ahead() if parts.ahead else (None, parts.live)
    if last is None:
        live = now()
        return live, _embed(live.embedder, question)
    try:
        vector = _embed(last.embedder, question)
    finally:
        live = now()
    return live, vector if live.embedder is last.embedder else _embed(live.embedder, question)


def _embed(embedder: Embedder, question: Question) -> Vector:
    """The question's vector; words alone are compared without one."""
    if not question.query.strip():
        raise InvalidQuestion("the query must hold some text")
    if question.relevance == "keyword":
        return NO_VECTOR
    try:
        return embedder.embed_question(question.query)
    except UnusableText:
        raise InvalidQuestion("the query must hold some text") from None
    except TextTooLong as error:
        raise InvalidQuestion(f"the query has {error.tokens} tokens, the model reads {error.limit}") from None
