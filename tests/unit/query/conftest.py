"""A small company in memory: two sources, a view fed by hand, a clock moved by hand."""

from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from index.hash_embedder import HashEmbedder
from index.memory import MemoryStore
from index.store import Row, Version
from query.asker import Asker, Circumstances
from query.authorize import Grounds
from query.budget import Budgets
from query.clock import Instant
from query.decisions.memory import MemoryDecisions
from query.decisions.recorder import Recorder
from query.leave import Guards
from query.policies.gate import PolicyGate
from query.policies.vocabulary import Vocabulary
from query.principal import Principal
from query.redact import Redactor
from query.search import Live, Parts, answer
from query.source.confirm import Sources
from query.view import PermissionView
from schemas.answer import Answer, Question
from schemas.contract import Contract
from schemas.label import Label, LabelDefinition
from schemas.position import Position
from schemas.progress import Progress
from schemas.relation import Grant, RelationTuple

START_MS = 1_800_000_000_000
LAG_LIMIT_S = 15.0
MAX_TEXT = 200_000
KEY = Ed25519PrivateKey.generate()


@dataclass
class Company:
    """Everything a question meets. `now` is moved by hand; `position` grows with each write."""

    now: Instant = field(default_factory=lambda: Instant(START_MS, 1000.0))
    view: PermissionView = field(default_factory=PermissionView)
    store: MemoryStore = field(default_factory=MemoryStore)
    embedder: HashEmbedder = field(default_factory=HashEmbedder)
    contracts: dict[str, Contract] = field(
        default_factory=lambda: {name: _contract(name) for name in ("helpdesk", "wiki")}
    )
    policies: PolicyGate = field(default_factory=lambda: PolicyGate(None, Vocabulary()))
    decisions: MemoryDecisions = field(default_factory=MemoryDecisions)
    written: int = 0

    def __post_init__(self) -> None:
        self.beat("helpdesk", "wiki")
        self.view.caught_up(self.now.steady)

    def clock(self) -> Instant:
        return self.now

    @property
    def grounds(self) -> Grounds:
        return Grounds(self.view, self.contracts, self.policies, LAG_LIMIT_S)

    def parts(self, **changed: Any) -> Parts:
        recorder = Recorder(self.decisions, KEY, self.clock)
        made: dict[str, Any] = {
            "live": lambda: Live(self.embedder, self.store),
            "grounds": self.grounds,
            "guards": Guards(Sources({}, MAX_TEXT), Redactor(self.contracts.values())),
            "recorder": recorder,
            "budgets": Budgets(recorder.rows_shown),
            "clock": self.clock,
        }
        return Parts(**made | changed)

    def answer(self, who: Principal | Asker, question: Question, **changed: Any) -> Answer:
        """As the API answers, with its record."""
        asker = who if isinstance(who, Asker) else Asker(who)
        return answer(self.parts(**changed), asker, Circumstances(self.now.wall_ms, question.purpose), question)

    def pass_time(self, seconds: float) -> None:
        self.now = Instant(self.now.wall_ms + round(seconds * 1000), self.now.steady + seconds)

    def beat(self, *sources: str, stopped: tuple[str, ...] = ()) -> None:
        """The sources are searchable up to now, but for tables that have `stopped`."""
        at = self.now.wall_ms
        for source in sources:
            progress = Progress(
                source=source, watermark_ms=at, position=Position(f"{at:016x}"), measured_ms=at, grants={}
            )
            self.view.advance(progress.model_copy(update={"stopped": stopped}))

    def grant(self, row: str, *tuples: tuple[str, str, str, str]) -> None:
        """What a row grants from now on: (tenant, object, relation, subject)."""
        self.view.relate(
            Grant(
                record_id=row,
                position=self.next_position(),
                commit_ms=self.now.wall_ms,
                tuples=tuple(RelationTuple(tenant=t, object=o, relation=r, subject=s) for t, o, r, s in tuples),
            )
        )

    def put(self, record_id: str, text: str, label: Label, age_s: float = 0.0, **changed: Any) -> None:
        """Index a record of one chunk and define its label."""
        self.view.define(LabelDefinition.of(label))
        event_ms = self.now.wall_ms - round(age_s * 1000)
        row: dict[str, Any] = {
            "record_id": record_id,
            "source": record_id.split("/")[0],
            "table": f"{record_id.split('/')[0]}.rows",
            "key": orjson.dumps({"id": record_id.split("/")[2]}).decode(),
            "position": self.next_position(),
            "label": label.id,
            "commit_ms": event_ms,
            "event_ms": event_ms,
            "chunk": 0,
            "chunks": 1,
            "title": record_id,
            "text": text,
            "url": "",
            "metadata": '{"status": "open"}',
            "text_hash": "",
            "vector": self.embedder.embed_question(text),
            **changed,
        }
        self.store.write([Version(record_id, row["position"], (Row(**row),), 0)])

    def next_position(self) -> Position:
        self.written += 1
        return Position(f"{self.written:016x}.00000000")


def _contract(source: str) -> Contract:
    return Contract.model_validate(
        {
            "source": source,
            "connector": {"plugin": "postgres", "config": f"{source}.debezium.json"},
            "freshness": {"slo": "2s", "half_life": "1d", "floor": 0.3},
            "tables": {
                f"{source}.rows": {
                    "key": ["id"],
                    "text": "{body}",
                    "metadata": ["status"],
                    "permissions": {"tenant": "{tenant}", "readers": ["user:{owner}"]},
                },
                f"{source}.members": {
                    "key": ["id"],
                    "relation": {
                        "tenant": "{tenant}",
                        "object": "team:{team}",
                        "relation": "member",
                        "subject": "user:{email}",
                    },
                },
            },
        }
    )


@pytest.fixture
def company() -> Company:
    return Company()


@pytest.fixture
def alice() -> Principal:
    return Principal("alice@acme.example", "acme")


@pytest.fixture
def bob() -> Principal:
    return Principal("bob@acme.example", "acme")
