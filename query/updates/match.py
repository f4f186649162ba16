"""Whether an update is news for an asker: the checks of a search, for one record by its id.

Authorize ▸ read the record as it is now ▸ compare ▸ judge ▸ confirm ▸ redact; and then, before it leaves, the record of
the answer. What is not visible may become so within moments, because labels and relations travel on topics of their
own: such an update is decided only once the view is known to have all that was committed before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from weakref import WeakKeyDictionary

import numpy as np

from index.embedder import Embedder
from index.errors import TextTooLong, UnusableText
from index.store import Found, Held, Row, Vector
from query.asker import Asker, Circumstances
from query.authorize import Authorized, Grounds, authorize, doubted_sources
from query.clock import Instant
from query.decisions.recorder import Facts
from query.hits import Shown, hit_of
from query.judge import Judge
from query.leave import Asking, Left, leave, told
from query.ranking.decay import Decay, decay_of
from query.ranking.scored import Scored
from query.ranking.top import Ranked
from query.search import Parts
from query.status import is_shown, statuses
from schemas.access import AccessFilter
from schemas.answer import Answer, Hit
from schemas.errors import InvalidQuestion, SourceUnconfirmed
from schemas.update import Pushed, Standing, Update

PATIENCE_MS = 60_000
"""After this long an update is decided although the rows of *another* source, which may grant it, are not all known."""
VECTORS = 8_192
"""Beyond so many standing questions all are embedded again and again, which takes longer than all else."""

Later = Literal["later"]
LATER: Later = "later"
"""Not decided: nothing may be shown of it now, and perhaps it may soon."""


@dataclass(frozen=True, slots=True)
class Match:
    """A record that may leave, and what that rests on."""

    update: Update
    hit: Hit
    left: Left
    permitted: Authorized
    now: Instant


Outcome = Match | Later | None
"""None: not for this asker, or not relevant enough, and that is final."""


def matches(
    parts: Parts, asker: Asker, about: Circumstances, standing: Standing, updates: Sequence[Update]
) -> list[Outcome]:
    """The outcome of each update. Blocking. Nothing of it may leave before `recorded`.

    Raises what `authorize` raises, IndexUnavailable, and InvalidQuestion for a query the model cannot read.
    """
    now = parts.clock()
    known = _Known.at(parts.grounds, now)  # before authorizing: what it knows, authorizing knows, too
    permitted = authorize(asker, standing.question(), about, parts.grounds, now)
    sight = _Sight(permitted, known, asker.principal.tenant)
    seen = [update for update in updates if sight.sees(update)]
    if updates and not seen:
        return [sight.unseen(update) for update in updates]
    live = parts.live()
    vector = _vector(live.embedder, standing.query)
    held = live.store.held(list(dict.fromkeys(update.record_id for update in seen))) if seen else {}
    one = _One(parts, asker, sight, decay_of(parts.grounds.contracts, now.wall_ms), now)
    return [
        one.decide(update, held[update.record_id], vector, standing.min_relevance)
        if sight.sees(update)
        else sight.unseen(update)
        for update in updates
    ]


def recorded(parts: Parts, asker: Asker, about: Circumstances, standing: Standing, match: Match) -> Pushed:
    """Put on record what is about to leave, and count it. Raises BudgetSpent, RecordUnavailable."""
    as_of = parts.grounds.view.as_of
    lag_ms = None if as_of is None else max(0, round((match.now.steady - as_of) * 1000))
    facts = Facts(match.permitted.ruling.version, lag_ms, match.left.withheld)
    states = [status for status in match.permitted.statuses if status.source == match.hit.source]
    given = Answer(hits=[match.hit], sources=told(states, frozenset()), exact=True, answered_ms=0, timings={})
    given = given.model_copy(update={"answered_ms": match.now.wall_ms})
    with parts.budgets.limited(asker.mandate, 1):
        answer_id = parts.recorder.record_answer(asker, about, standing.question(), facts, given)
    name = f"{match.hit.record_id}@{match.hit.position}"
    return Pushed(id=name, answer_id=answer_id, kind=match.update.kind, hit=match.hit)


@dataclass(frozen=True, slots=True)
class _Known:
    """Up to when permissions are known: source -> watermark of those that are shown; whether all that grants is."""

    watermarks: dict[str, int]
    granting_ms: float
    now_ms: int

    @classmethod
    def at(cls, grounds: Grounds, now: Instant) -> "_Known":
        states = statuses(grounds.contracts.values(), grounds.view, grounds.lag_limit_s, now.wall_ms)
        marks = {s.source: s.watermark_ms for s in states if is_shown(s) and s.watermark_ms is not None}
        granting = {name for name, contract in grounds.contracts.items() if contract.granting()}
        granting |= grounds.view.granting_sources
        doubted = doubted_sources(grounds, now)
        trusted = [float("-inf") if name in doubted else float(marks.get(name, 0)) for name in granting]
        return cls(marks, min(trusted, default=float("inf")), now.wall_ms)

    def settled(self, update: Update) -> bool:
        """Whether every permission that was committed before the update counts by now."""
        if self.watermarks.get(update.source, 0) < update.commit_ms:
            return False
        return self.granting_ms >= update.commit_ms or self.now_ms - update.commit_ms > PATIENCE_MS


@dataclass(frozen=True, slots=True)
class _Sight:
    """What of the updates the asker may see, as far as labels say."""

    permitted: Authorized
    known: _Known
    tenant: str

    def sees(self, what: Update | Row) -> bool:
        access = self.permitted.access
        return what.label in access.labels and what.source in access.sources

    def unseen(self, update: Update) -> Outcome:
        """Of another tenant, or of a source that was not asked, is for ever; else it may change until it is settled."""
        label = self.permitted.visibility.definitions.get(update.label)
        if label is not None and label.tenant != self.tenant:
            return None
        if update.source not in {status.source for status in self.permitted.statuses}:
            return None
        return None if self.known.settled(update) else LATER


class _One:
    """Decides about records that the asker may see by their label."""

    def __init__(self, parts: Parts, asker: Asker, sight: _Sight, decay: Decay, now: Instant) -> None:
        self._parts, self._sight, self._decay, self._now = parts, sight, decay, now
        permitted = sight.permitted
        self._judge = Judge(permitted, parts.grounds.contracts)
        definitions = permitted.visibility.definitions
        self._asking = Asking(asker, permitted.access, lambda label: definitions[label].attributes, self._judge.permits)

    def decide(self, update: Update, held: Held, vector: Vector, least: float) -> Outcome:
        """The record as it is now, also where that is a later version than the update tells of."""
        if held.position < update.position:
            return self._sight.unseen(update)
        if not held.rows:
            return None
        if not all(self._sight.sees(row) for row in held.rows):
            return self._sight.unseen(update)
        relevance, row = max(((_cosine(vector, row.vector), row) for row in held.rows), key=lambda pair: pair[0])
        if relevance < least:
            return None
        found = Found(row, relevance)
        scored = Scored(found, relevance, self._decay.freshness(found), similarity=relevance)
        try:
            left = leave(self._parts.guards, self._asking, lambda access, _: self._ranked(scored, access), 1)
        except SourceUnconfirmed:
            return LATER
        if not left.records:
            return None
        (leaving,) = left.records
        metadata = self._judge.metadata(leaving.scored.found.row)
        hit = hit_of(Shown(leaving), self._sight.permitted, metadata, self._now.wall_ms)
        return Match(update, hit, left, self._sight.permitted, self._now)

    def _ranked(self, scored: Scored, access: AccessFilter) -> Ranked:
        row = scored.found.row
        within = row.label in access.labels and row.source in access.sources
        permitted = within and all(self._judge.permits([scored]))
        return Ranked([scored] if permitted else [], 1, exact=True, ended=True)


def _cosine(one: Vector, other: Vector) -> float:
    norms = float(np.linalg.norm(one) * np.linalg.norm(other))
    return max(0.0, float(np.dot(one, other)) / norms) if norms else 0.0


_vectors: WeakKeyDictionary[Embedder, dict[str, Vector]] = WeakKeyDictionary()
"""Of standing questions, which are asked again with every update; gone with the model that made them."""


def _vector(embedder: Embedder, query: str) -> Vector:
    known = _vectors.setdefault(embedder, {})
    vector = known.get(query)
    if vector is None:
        vector = _embedded(embedder, query)
        if len(known) >= VECTORS:
            known.clear()
        known[query] = vector
    return vector


def _embedded(embedder: Embedder, query: str) -> Vector:
    try:
        if query.strip():
            return embedder.embed_question(query)
    except UnusableText:
        pass
    except TextTooLong as error:
        raise InvalidQuestion(f"the query has {error.tokens} tokens, the model reads {error.limit}") from None
    raise InvalidQuestion("the query must hold some text")
