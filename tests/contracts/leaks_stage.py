"""A small company of the leak test by hand, and a double of the product that answers as it is told to judge."""

from collections.abc import Callable
from dataclasses import replace

from infra.leaks import oracle
from infra.leaks.bearer import Asking, Bearer, Narrowing
from infra.leaks.world import Doc, Entry, World
from schemas.answer import Answer, Hit, Question

TENANT = "red"
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
    return Answer(hits=[hit_of(*doc) for doc in docs], sources=[], exact=True, answered_ms=1, timings={})


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
        similarity=1.0,
        freshness=1.0,
        commit_ms=1,
        event_ms=1,
        age_ms=1,
        position="1",
        chunk=0,
        why=[],
    )
