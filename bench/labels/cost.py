"""What labels and relations cost, measured: memory of the query process, the filter's text, a search with it."""

import gc
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from bench.milvus import new_store, server, write
from bench.ranking.company import SPEC, make_company
from index.milvus import expression
from query.follow import take
from query.held_progress import HeldProgress
from query.principal import Principal
from query.view import PermissionView
from schemas.access import AccessFilter
from schemas.label import Label, LabelDefinition, LabelId
from schemas.position import Position
from schemas.relation import Grant, RelationTuple
from schemas.topics import LABELS, RELATIONS

TENANT = "acme"
SOURCES = frozenset({"helpdesk", "crm", "wiki"})
FILTERS = (100, 1_000, 10_000, 100_000)
CHUNKS = 5_000
TURNS = 5


def memory(count: int = 20_000) -> dict[str, float]:
    """Bytes that the view takes for a label (two readers, two attributes), and for a tuple of a row of its own."""
    view, found = PermissionView(), dict[str, float]()
    for name, fill in (("label", _define), ("relation tuple", _relate)):
        gc.collect()
        tracemalloc.start()
        fill(view, count)
        gc.collect()
        found[name] = round(tracemalloc.get_traced_memory()[0] / count)
        tracemalloc.stop()
    return found


def loading(count: int = 20_000) -> dict[str, int]:
    """Labels, and tuples, a second that a starting API reads into its view, once Kafka has handed them over."""
    label = Label(tenant=TENANT, readers=("user:owner@acme.example", "team:1#member"), attributes={"region": "eu"})
    tenants = (f"{TENANT}{number}" for number in range(count))
    labels = (label.model_copy(update={"tenant": tenant}) for tenant in tenants)
    topics = {
        LABELS: [LabelDefinition.of(each).model_dump_json().encode() for each in labels],
        RELATIONS: [_grant(number).model_dump_json().encode() for number in range(count)],
    }
    return {topic: _read_a_second(topic, said) for topic, said in topics.items()}


def _read_a_second(topic: str, said: Sequence[bytes]) -> int:
    view, held, began = PermissionView(), HeldProgress(), time.perf_counter()
    for value in said:
        take(view, held, topic, None, value)
    return round(len(said) / (time.perf_counter() - began))


def deciding() -> dict[int, float]:
    """Labels that an asker sees -> milliseconds to find them, with nothing kept at hand, and to write the filter."""
    return {count: _ms([partial(_decide, view, turn) for turn in range(TURNS)]) for count, view in _views()}


def _views() -> Iterator[tuple[int, PermissionView]]:
    for count in FILTERS:
        view = PermissionView()
        _define(view, count, reader="team:1#member")
        yield count, view


def _decide(view: PermissionView, turn: int) -> None:
    who = Principal("ann@acme.example", TENANT)
    member = RelationTuple(tenant=TENANT, object="team:1", relation="member", subject=who.name)
    view.relate(Grant(record_id="hr/members/1", position=_position(turn + 1), commit_ms=0, tuples=(member,)))
    expression(AccessFilter(view.visible(who).labels, SOURCES))


def searching(seed: int) -> dict[int, float]:
    """Labels in the filter -> milliseconds of a search for 10, on Milvus Lite behind our launcher."""
    company = make_company(CHUNKS, seed)
    labels, dice = {row.label for row in company.rows}, np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (uri, token):
        store = new_store(uri, token, SPEC)
        for _ in write(store, company.rows):
            pass
        asked = {count: [_filter(labels, count, dice) for _ in range(TURNS)] for count in FILTERS}
        vector = company.rows[0].vector
        return {
            count: _ms([partial(store.search, vector, access, 10) for access in each]) for count, each in asked.items()
        }


def _filter(labels: set[LabelId], count: int, dice: np.random.Generator) -> AccessFilter:
    """One of other numbers each time, so that nothing that is kept of the last one helps."""
    others = (LabelId(int(number)) for number in dice.integers(1 << 62, (1 << 63) - 1, size=count - len(labels)))
    return AccessFilter(frozenset({*labels, *others}), SOURCES)


def _define(view: PermissionView, count: int, reader: str = "") -> None:
    for number in range(count):
        readers = (f"user:owner{number}@acme.example", reader or f"team:{number % 1000}#member")
        attributes = {"classification": "internal", "region": "eu"}
        view.define(LabelDefinition.of(Label(tenant=TENANT, readers=readers, attributes=attributes)))


def _relate(view: PermissionView, count: int) -> None:
    for number in range(count):
        view.relate(_grant(number))


def _grant(number: int) -> Grant:
    """Of a row of its own: one person is in one team."""
    member = RelationTuple(
        tenant=TENANT,
        object=f"team:{number % 1000}",
        relation="member",
        subject=f"user:person{number}@acme.example",
    )
    return Grant(record_id=f"hr/members/{number}", position=_position(1), commit_ms=0, tuples=(member,))


def _position(number: int) -> Position:
    return Position(f"{number:016x}")


def _ms(turns: Sequence[Callable[[], object]]) -> float:
    taken = []
    for turn in turns:
        began = time.perf_counter()
        turn()
        taken.append((time.perf_counter() - began) * 1000)
    return round(median(taken), 1)
