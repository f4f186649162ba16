"""A small company of the leak test by hand, and a double of the product that answers as it is told to judge."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock

from infra.leaks import oracle
from infra.leaks.bearer import Asking, Bearer, Narrowing
from infra.leaks.world import Doc, Entry, World, rows, schema
from schemas.answer import Answer, Hit, Question, SourceStatus
from schemas.errors import Forbidden, PermissionsUnknown, Unauthenticated

TENANT = "red"
FRESH = SourceStatus(source="leaks", state="fresh", watermark_ms=1, lag_ms=0, slo_ms=2000)
PLAIN = Doc(1, TENANT, None, None, None, "public", "us", "final", "a text")


def asking(person: str = "ann", purpose: str = "", limit: int = 50, **bearer: object) -> Asking:
    """A question by one of red, with a token that narrows nothing."""
    who = replace(Bearer("own", person, TENANT), **bearer)  # type: ignore[arg-type]
    return Asking(who, Question(query="anything", limit=limit, purpose=purpose))


def holding(*hands: Narrowing, **bearer: object) -> Asking:
    """Ann of red, with a capability that went through these hands."""
    return asking(kind="capability", chain=hands, **bearer)


def world_of(*docs: Doc, entries: tuple[str, ...] = (), folders: dict[str, str | None] | None = None) -> World:
    """A world of tenant red. An entry is written `viewers 1 user:ann`."""
    world = World(
        folders={(TENANT, folder): parent for folder, parent in (folders or {}).items()},
        docs={doc.id: doc for doc in docs},
    )
    for table, thing, subject in (entry.split() for entry in entries):
        world.add(Entry(table, TENANT, thing, subject))
    return world


Judge = Callable[[World, Asking], dict[str, Doc]]


def answer_of(world: World, asked: Asking, judge: Judge = oracle.allowed) -> Answer:
    """What a product would answer that judges so."""
    docs = list(judge(world, asked).items())[: oracle.most(asked)]
    return Answer(hits=[hit_of(*doc) for doc in docs], sources=[FRESH], exact=True, answered_ms=1, timings={})


def hit_of(record_id: str, doc: Doc) -> Hit:
    return Hit(
        record_id=record_id,
        source="leaks",
        table="leaks.docs",
        key={"id": doc.id},
        title="",
        text=doc.body,
        url="",
        metadata={},
        score=1.0,
        relevance=1.0,
        similarity=1.0,
        freshness=1.0,
        commit_ms=1,
        event_ms=1,
        age_ms=1,
        position="1",
        chunk=0,
        why=[],
    )


class SmallDatabase:
    """SQLite in the place of PostgreSQL: a schema is a database beside the main one. Thread-safe."""

    def __init__(self) -> None:
        self._sqlite = sqlite3.connect(":memory:", check_same_thread=False)
        self._sqlite.execute("ATTACH ':memory:' AS leaks")
        self._lock = Lock()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        yield

    def execute(self, sql: bytes, values: Sequence[object] = ()) -> None:
        """Every change must change exactly one row."""
        with self._lock:
            changed = self._sqlite.execute(sql.decode().replace("%s", "?"), values).rowcount
            assert changed in (-1, 1), sql

    def world(self) -> World:
        """What is committed, read back."""
        with self._lock:
            world, read = World(), self._sqlite.execute
            for table in ("members", "viewers", "editors", "bans"):
                for row in read(f"SELECT tenant, object, subject FROM leaks.{table}"):
                    world.add(Entry(table, *row))
            world.folders = {(t, f): parent for t, f, parent in read("SELECT tenant, id, parent FROM leaks.folders")}
            world.docs = {row[0]: Doc(*row) for row in read("SELECT * FROM leaks.docs")}
            return world

    def close(self) -> None:
        self._sqlite.close()


@contextmanager
def small_database(world: World) -> Iterator[SmallDatabase]:
    """A database that holds this company."""
    database = SmallDatabase()
    for statement in [*schema()[1:], *rows(world)]:
        database.execute(statement.sql.encode(), statement.values)
    try:
        yield database
    finally:
        database.close()


class SmallProduct:
    """A product that reads the database itself and judges as the oracle does. Each fault is set by hand."""

    def __init__(self, database: SmallDatabase) -> None:
        self._database = database
        self._bearers: dict[str, Bearer] = {}
        self._revoked: set[str] = set()
        self.judge: Judge = oracle.allowed
        self.ignores_revocations = False
        self.unknown = 0
        """So many questions are refused, since nothing is known, before the next one is answered."""
        self.not_exact = 0
        self.watermark: int | None = 2**62

    def token(self, bearer: Bearer) -> str:
        self._bearers[name := f"{len(self._bearers)}"] = bearer
        return name

    def ask(self, token: str, question: Question) -> Answer:
        if token in self._revoked and not self.ignores_revocations:
            raise Unauthenticated()
        if self.unknown:
            self.unknown -= 1
            raise PermissionsUnknown()
        bearer = self._bearers[token]
        if not oracle.may_ask(bearer):
            raise Forbidden("nothing is left")
        asked = Asking(bearer, question)
        exact, self.not_exact = not self.not_exact, max(0, self.not_exact - 1)
        return answer_of(self._database.world(), asked, self.judge).model_copy(update={"exact": exact})

    def watermark_ms(self, token: str) -> int | None:
        return self.watermark

    def revoke(self, token: str) -> None:
        self._revoked.add(token)
