"""Puts answers and decisions on record: each durably, before anybody gets to see it.

Appends that come at the same time share one transaction: whoever has the turn commits what all others wait for.
"""

import logging
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from query.asker import Asker, Circumstances
from query.clock import Clock, system_clock
from query.decisions.entry import Draft, Entry, Payload, new_id, sealed
from query.decisions.store import PAGE, DecisionStore
from query.gateway.idempotency import InFlight, derived_id
from query.gateway.refusals import KeyReused
from schemas.answer import Answer, Hit, Question
from schemas.decision import AboutRecords, AnswerRecord, Decision, DecisionRecord, Envelope, Hand, Shown, Who
from schemas.errors import FreshlineError, InvalidQuestion, RecordUnavailable, Refused

log = logging.getLogger("freshline.query")
MOST_LOOKED_AT = 4 * PAGE
"""Entries of the log, of anybody of a tenant, for one page of somebody's own records."""


class UnknownRecord(Refused):
    """There is no such record of yours."""

    code = "unknown_record"
    status = 404


@dataclass(frozen=True, slots=True)
class Facts:
    """What an answer rested on besides the data. `view_lag_ms`: age of the permission view when it was asked.

    `withheld`: reason -> how many hits were kept back. `operation`: what the answer is.
    """

    policy_version: str = ""
    view_lag_ms: int | None = None
    withheld: Mapping[str, int] = field(default_factory=dict)
    operation: AboutRecords = "search"


class Recorder:
    """Thread-safe. `key` seals each entry. Raises RecordUnavailable for what could not be put on record."""

    def __init__(self, store: DecisionStore, key: Ed25519PrivateKey, clock: Clock = system_clock) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._turn, self._queue = Lock(), Lock()
        self._waiting: list[tuple[Draft, Future[None]]] = []
        self._in_flight = InFlight()

    def secret(self, purpose: str) -> bytes:
        """32 bytes that only who holds the log's key can make; other bytes for each purpose."""
        return HKDF(SHA256(), 32, b"freshline", purpose.encode()).derive(self._key.private_bytes_raw())

    def record_answer(
        self,
        asker: Asker,
        circumstances: Circumstances,
        question: Question,
        facts: Facts,
        outcome: Answer | Refused,
    ) -> str:
        """Put an answer, or a refusal, on record; returns the record's id. Only then may the outcome leave."""
        record = _answer_record(asker, circumstances, question, facts, outcome)
        self._append(_draft(record, "answer", record.status, len(record.shown)))
        return record.id

    def record_decision(self, asker: Asker, decision: Decision, key: str | None = None) -> str:
        """Put on record what an agent did; returns the record's id. The same `key` again gives the same id, and nothing
        is recorded twice.

        Raises InvalidQuestion unless every answer it rests on is the asker's own; absent and foreign look alike. Raises
        KeyReused for a key of another decision, KeyInFlight while the first is under way.
        """
        if key is None:
            return self._record_decision(asker, decision, new_id())
        made_id = derived_id(self.secret("idempotency"), "decision", asker, key)
        with self._in_flight.alone(made_id):
            if not self._decided(made_id, decision):
                self._record_decision(asker, decision, made_id)
        return made_id

    def _decided(self, made_id: str, decision: Decision) -> bool:
        """Whether this very decision is on record under the id."""
        with _troubles():
            found = self._store.find(record_id=made_id)
        if not found:
            return False
        payload = found[0].payload
        if payload is None or DecisionRecord.model_validate_json(payload.body).decision != decision:
            raise KeyReused()
        return True

    def _record_decision(self, asker: Asker, decision: Decision, made_id: str) -> str:
        for answer_id in decision.answers:
            try:
                self._own(asker, answer_id, kinds=("answer",))
            except UnknownRecord:
                raise InvalidQuestion(f"answers: {answer_id} is no answer of yours") from None
        at_ms = self._clock().wall_ms
        record = DecisionRecord(id=made_id, at_ms=at_ms, who=_who(asker), decision=decision)
        self._append(_draft(record, "decision", decision.outcome))
        return record.id

    def own(self, asker: Asker, record_id: str) -> str:
        """The JSON of one of the asker's own records, but for `withheld`, which would tell it of rows it is denied.

        Raises UnknownRecord, also for an erased one, and for one of the hands before, where a token was handed on.
        """
        told = _told(asker, self._own(asker, record_id, kinds=("answer", "decision")))
        if told is None:
            raise UnknownRecord()
        return told

    def newest(self, asker: Asker, before: int | None, limit: int) -> tuple[list[str], int | None]:
        """Up to `limit` of the asker's own records as `own` gives them, newest first, from the one before `before` on;
        and from where to go on, None at the end. At most MOST_LOOKED_AT entries of the asker's tenant are looked at, so
        there may be fewer; of other tenants' none, so that nobody can count them.
        """
        given: list[str] = []
        for _ in range(MOST_LOOKED_AT // PAGE):
            with _troubles():
                entries = self._store.read_back(asker.principal.tenant, before, PAGE)
            for entry in entries:
                before = entry.sequence
                body = self._body(asker, entry, kinds=("answer", "decision"))
                if body is not None and (told := _told(asker, body)) is not None:
                    given.append(told)
                if len(given) == limit:
                    return given, before
            if len(entries) < PAGE:
                return given, None
        return given, before

    def rows_shown(self, revocation_ids: Collection[str]) -> int:
        """How many records were shown under token chains that have any of these ids."""
        with _troubles():
            return self._store.rows_shown(revocation_ids)

    def _own(self, asker: Asker, record_id: str, kinds: tuple[str, ...]) -> str:
        with _troubles():
            found = self._store.find(record_id=record_id)
        bodies = [body for entry in found if (body := self._body(asker, entry, kinds)) is not None]
        if not bodies:
            raise UnknownRecord()
        return bodies[0]

    @staticmethod
    def _body(asker: Asker, entry: Entry, kinds: tuple[str, ...]) -> str | None:
        """The entry's payload, if it is one of these and the asker's own."""
        if entry.payload is None or entry.opened().kind not in kinds:
            return None
        who = orjson.loads(entry.payload.body)["who"]
        own = (who["tenant"], who["subject"]) == (asker.principal.tenant, asker.principal.subject)
        return entry.payload.body if own else None

    def _append(self, draft: Draft) -> None:
        done: Future[None] = Future()
        with self._queue:
            self._waiting.append((draft, done))
        with self._turn:
            if not done.done():
                self._commit()
        with _troubles():
            done.result()

    def _commit(self) -> None:
        """Everything that waits, in one transaction; each waiting thread gets its outcome."""
        with self._queue:
            batch, self._waiting = self._waiting, []
        drafts = [draft for draft, _ in batch]
        try:
            self._store.append(lambda first: [sealed(d, at, self._key) for at, d in enumerate(drafts, first)])
        except BaseException as error:
            for _, done in batch:
                done.set_exception(error)
        else:
            for _, done in batch:
                done.set_result(None)


def content_hash(hit: Hit) -> str:
    """SHA-256 over what was shown of a record: `[title, text, url, metadata]` as JSON with sorted keys, no spaces."""
    return sha256(orjson.dumps([hit.title, hit.text, hit.url, hit.metadata], option=orjson.OPT_SORT_KEYS)).hexdigest()


def _told(asker: Asker, body: str) -> str | None:
    """An own record without `withheld`; None for one of the hands before, where a token was handed on."""
    record, chain = orjson.loads(body), asker.mandate.chain
    if len(chain) > 1 and chain[-1].revocation_id not in [hand["revocation_id"] for hand in record["who"]["chain"]]:
        return None
    return orjson.dumps({name: value for name, value in record.items() if name != "withheld"}).decode()


def _answer_record(
    asker: Asker, circumstances: Circumstances, question: Question, facts: Facts, outcome: Answer | Refused
) -> AnswerRecord:
    answer = outcome if isinstance(outcome, Answer) else None
    hits = answer.hits if answer else []
    lag = facts.view_lag_ms
    return AnswerRecord(
        id=new_id(),
        at_ms=circumstances.at_ms,
        who=_who(asker),
        purpose=circumstances.purpose,
        address=circumstances.address,
        operation=facts.operation,
        question=question,
        status=outcome.code if isinstance(outcome, Refused) else "answered",
        policy_version=facts.policy_version,
        view_at_ms=None if lag is None else circumstances.at_ms - lag,
        view_lag_ms=lag,
        sources=tuple(answer.sources) if answer else (),
        shown=tuple(map(_shown, hits)),
        withheld=dict(facts.withheld),
        timings=dict(answer.timings) if answer else {},
    )


def _shown(hit: Hit) -> Shown:
    return Shown(
        record_id=hit.record_id,
        position=hit.position,
        chunk=hit.chunk,
        content_hash=content_hash(hit),
        confirmed_ms=hit.confirmed_ms,
    )


def _who(asker: Asker) -> Who:
    chain = tuple(Hand(holder=link.holder, revocation_id=link.revocation_id) for link in asker.mandate.chain)
    principal = asker.principal
    return Who(tenant=principal.tenant, subject=principal.subject, agent=principal.agent, chain=chain)


def _draft(record: AnswerRecord | DecisionRecord, kind: str, status: str, rows: int = 0) -> Draft:
    payload = Payload.of(record)
    envelope = {
        "sequence": 0,
        "id": record.id,
        "kind": kind,
        "at_ms": record.at_ms,
        "tenant": record.who.tenant,
        "status": status,
        "chain": tuple(hand.revocation_id for hand in record.who.chain),
        "rows": rows,
        "payload_hash": payload.hash,
    }
    return Draft(Envelope.model_validate(envelope), payload)


@contextmanager
def _troubles() -> Iterator[None]:
    """Whatever keeps a record from being made refuses the answer; the log says why."""
    try:
        yield
    except Refused:
        raise
    except Exception as error:
        said = str(error) if isinstance(error, FreshlineError) else type(error).__name__
        log.error("the decision log is not usable: %s", said)
        raise RecordUnavailable() from None
