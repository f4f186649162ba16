"""A decision log for tests: a key, askers, answers, and a log filled by hand."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from query.asker import Asker, Circumstances, Link, Mandate
from query.clock import Instant
from query.decisions.entry import Draft, Entry, Payload, sealed
from query.decisions.heads import Sealer
from query.decisions.recorder import Facts, Recorder
from query.decisions.store import DecisionStore
from query.principal import Principal
from schemas.answer import Answer, Hit, Question, SourceStatus
from schemas.decision import Envelope, Head, Recorded

KEY = Ed25519PrivateKey.generate()
KEYS = [KEY.public_key()]
START_MS = 1_800_000_000_000
SECRET = "the merger with Contoso"


def now_ms() -> int:
    return START_MS


def asker(name: str = "alice", tenant: str = "acme", chain: tuple[str, ...] = ()) -> Asker:
    links = tuple(Link(f"agent-{number}", hand) for number, hand in enumerate(chain))
    return Asker(Principal(f"{name}@{tenant}.example", tenant, "planner"), Mandate(chain=links))


def answer(*texts: str) -> Answer:
    hits = [
        Hit(
            record_id=f"helpdesk/tickets/{number}",
            source="helpdesk",
            table="tickets",
            key={"id": number},
            title=f"title of {text}",
            text=text,
            url="",
            metadata={"status": "open"},
            score=0.5,
            relevance=0.5,
            similarity=0.5,
            freshness=1.0,
            commit_ms=START_MS,
            event_ms=START_MS,
            age_ms=0,
            position=f"{number:016x}",
            chunk=0,
            why=["user:alice"],
        )
        for number, text in enumerate(texts)
    ]
    status = SourceStatus(source="helpdesk", state="fresh", watermark_ms=START_MS, lag_ms=0, slo_ms=2000)
    return Answer(hits=hits, sources=[status], exact=True, answered_ms=START_MS, timings={"total": 12.5})


def recorder(store: DecisionStore) -> Recorder:
    return Recorder(store, KEY, lambda: Instant(START_MS, 0.0))


def record(made: Recorder, who: Asker | None = None, question: str = SECRET, texts: tuple[str, ...] = ("row",)) -> str:
    """Put one answer on record."""
    asked = Question(query=question)
    facts = Facts("policy-1", 40, {"ceiling": 2})
    return made.record_answer(who or asker(), Circumstances(START_MS, "support"), asked, facts, answer(*texts))


def draft(number: int, rows: int = 0, chain: tuple[str, ...] = (), text: str = "", tenant: str = "acme") -> Draft:
    """An answer's draft whose id is its number."""
    payload = Payload.of(Recorded(id=f"{number:032x}")) if not text else Payload(b"s" * 32, text)
    envelope = {"sequence": 0, "id": f"{number:032x}", "kind": "answer", "at_ms": START_MS + number}
    more = {"tenant": tenant, "status": "answered", "chain": chain, "rows": rows, "payload_hash": payload.hash}
    return Draft(Envelope.model_validate({**envelope, **more}), payload)


def making(*drafts: Draft) -> Callable[[int], list[Entry]]:
    return lambda first: [sealed(one, at, KEY) for at, one in enumerate(drafts, first)]


def all_of(store: DecisionStore) -> list[Entry]:
    return store.read(0, 1_000_000)


class MemoryCopies:
    """The copy in memory. `away`: raise this instead of working."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.away: Exception | None = None

    def last(self) -> Entry | None:
        self._answer()
        return self.entries[-1] if self.entries else None

    def write(self, batch: list[Entry]) -> None:
        self._answer()
        self.entries += [Entry.of(entry.line()) for entry in batch]

    def read(self) -> list[Entry]:
        self._answer()
        return list(self.entries)

    def _answer(self) -> None:
        if self.away is not None:
            raise self.away


def head_of(sealer: Sealer) -> Head:
    head = sealer.seal()
    assert head is not None
    return head
