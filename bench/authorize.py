"""What authorising adds to a search: `make bench-authorize`. Limit: 10 % of the p50 of a search with the same filter.

A tenant with 10,000 labels, 1,000 of them visible to the asker, by teams in teams; a ceiling; policies about asker,
label and request. The search is that of the query layer, on Milvus Lite behind our launcher, with a row for each label.
Everything is measured in turns, so that whatever else the machine does meets all of it; the index is one of its own.
"""

import json
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from typing import Any

import numpy as np

from bench.common.options import Options
from bench.common.page import Section, table
from bench.common.result import Bar, Result
from bench.milvus import new_store, server, write
from index.embedder import ModelSpec
from index.milvus import MilvusStore
from index.store import Row, Vector
from query.asker import Asker, Circumstances, Mandate
from query.authorize import Authorized, Grounds, authorize
from query.clock import Instant
from query.policies.ceiling import within_ceiling
from query.policies.gate import PolicyGate
from query.policies.vocabulary import Vocabulary
from query.principal import Principal
from query.ranking.top import FIRST_FETCH
from query.view import PermissionView
from schemas.answer import Question
from schemas.contract import Contract
from schemas.errors import Misconfigured
from schemas.label import Label, LabelDefinition
from schemas.position import Position
from schemas.progress import Progress
from schemas.relation import Grant, RelationTuple

SEED = 4
LABELS, VISIBLE, TEAMS, HERS = 10_000, 1_000, 100, 10
"""Labels belong to teams in equal shares; the asker is in HERS of the TEAMS, each through another team."""
DIMENSION = 384
WARM_UP, ROUNDS = 20, 300
MOST = 0.10
NOW = Instant(1_800_000_000_000, 1000.0)
SOURCE = "wiki"
ASKER = Asker(
    Principal("ann@acme.example", "acme", "planner"),
    Mandate(ceiling={"class": frozenset({"public", "internal"})}),
    {"clearance": "internal"},
)
ABOUT = Circumstances(NOW.wall_ms, "support", "192.0.2.7")
POLICIES = """
permit (principal, action, resource);
forbid (principal, action, resource is Record) when { resource.attributes has class &&
  resource.attributes.class == "secret" } unless { principal.attributes has clearance &&
  principal.attributes.clearance == "secret" };
forbid (principal, action, resource is Record) when { resource.attributes has region &&
  resource.attributes.region == "eu" && context.purpose == "marketing" };
"""


@dataclass
class Stage:
    """What is measured: the grounds of a decision, and an index of the same rows."""

    grounds: Grounds
    store: MilvusStore
    vector: Vector
    changes: int = 0

    def authorize(self) -> Authorized:
        return authorize(ASKER, Question(query="x"), ABOUT, self.grounds, NOW)

    def change(self) -> None:
        """Somebody else's membership changes, so nothing of the tenant that is kept at hand counts any more."""
        self.changes += 1
        relate(self.grounds.view, "changing", self.changes, (f"team:{self.changes % 7}", "user:zoe@acme.example"))

    def steps(self) -> dict[str, Callable[[], object]]:
        """What is measured, by name; before a step that is `uncached`, `change` is called, and not measured."""
        permitted = self.authorize()
        visible, view = permitted.visibility, self.grounds.view

        def rule_and_narrow() -> object:
            ruling = self.grounds.policies.rule(ASKER, "search", ABOUT)
            return ruling.narrow(visible.labels, visible.definitions, frozenset({SOURCE}))

        return {
            "visible, uncached": lambda: view.visible(ASKER.principal),
            "visible, cached": lambda: view.visible(ASKER.principal),
            "ceiling": lambda: within_ceiling(visible.labels, visible.definitions, ASKER.mandate.ceiling),
            "policies": rule_and_narrow,
            "authorize, uncached": self.authorize,
            "authorize, cached": self.authorize,
            "search": lambda: self.store.search(self.vector, permitted.access, FIRST_FETCH),
        }


def run(options: Options) -> Result:
    """Measure, on an index of its own."""
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (uri, token):
        stage = build(Path(folder), uri, token, chance)
        permitted = stage.authorize()
        if len(permitted.access.labels) != VISIBLE or permitted.unsure:
            raise Misconfigured(f"{len(permitted.access.labels)} labels are visible, and not {VISIBLE}")
        return summary(measure(stage, chance, options.size(ROUNDS, 30)))


def measure(stage: Stage, chance: random.Random, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each step, round by round, each round in another order."""
    steps = stage.steps()
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(WARM_UP + rounds):
        for name in chance.sample(sorted(steps), len(steps)):
            if name.endswith("uncached"):
                stage.change()
            elif name.endswith("cached"):
                stage.grounds.view.visible(ASKER.principal)
            began = perf_counter()
            steps[name]()
            if number >= WARM_UP:
                taken[name].append((perf_counter() - began) * 1000)
    return taken


def summary(taken: dict[str, list[float]]) -> Result:
    ms = {}
    for name, values in taken.items():
        p25, p50, p75 = (round(value, 4) for value in quantiles(values, n=4))
        ms[name] = {"p50": p50, "p25": p25, "p75": p75}
    search = ms["search"]["p50"]
    return Result(
        what="authorising a question, as a part of the p50 of a search with the same filter",
        input={"seed": SEED, "labels": LABELS, "visible": VISIBLE, "rows": LABELS, "dimension": DIMENSION},
        ratios={f"{name} / search": round(found["p50"] / search, 4) for name, found in ms.items() if name != "search"},
        measured={"ms": ms, "rounds": len(taken["search"])},
        bars={"authorize, uncached / search": Bar.at_most(MOST)},
    )


def section(result: Result) -> Section:
    rows = [
        [name, f"{found['p50']:.3f}", f"{found['p25']:.3f} – {found['p75']:.3f}", _share(result, name)]
        for name, found in result.measured["ms"].items()
    ]
    told = f"{result.input['labels']:,} labels, {result.input['visible']:,} of them visible to the asker."
    return Section(f"{told}\n\n{table(['step', 'p50 ms', 'p25 – p75', 'of a search'], rows)}")


def _share(result: Result, name: str) -> str:
    return f"{result.ratios[f'{name} / search']:.1%}" if name != "search" else ""


def build(folder: Path, uri: str, token: str, chance: random.Random) -> Stage:
    """The tenant and its index, the same for the same seed."""
    view, labels = PermissionView(), make_labels(chance)
    for label in labels:
        view.define(LabelDefinition.of(label))
    for team in range(TEAMS):
        relate(view, "nested", team, (f"team:{team}", f"group:{team}#member"))
        members = chance.sample(range(5_000), 20)
        pairs = [(f"group:{team}", f"user:u{member}@acme.example") for member in members]
        relate(view, "members", team, *pairs, *([(f"group:{team}", ASKER.principal.name)] if team < HERS else []))
    at = NOW.wall_ms
    view.advance(Progress(source=SOURCE, watermark_ms=at, position=Position(f"{at:016x}"), measured_ms=at, grants={}))
    view.caught_up(NOW.steady)
    (folder / "policies").mkdir()
    (folder / "policies" / "base.cedar").write_text(POLICIES)
    gate = PolicyGate(folder / "policies", Vocabulary(frozenset({"class", "region"}), vouched=frozenset({"clearance"})))
    spec = ModelSpec(name="random", dimension=DIMENSION, max_tokens=256, fingerprint="random")
    store, vectors = new_store(uri, token, spec), unit_vectors(LABELS + 1)
    for _ in write(store, [row(number, label, vectors[number]) for number, label in enumerate(labels)]):
        pass
    return Stage(Grounds(view, {SOURCE: contract()}, gate, 15.0), store, vectors[LABELS])


def make_labels(chance: random.Random) -> list[Label]:
    """Each of some page's; all of them public or internal, so that ceiling and policies look at all and keep all."""
    return [
        Label(
            tenant="acme",
            readers=(f"team:{number % TEAMS}#member", f"user:owner{number}@acme.example"),
            attributes={"class": chance.choice(("public", "internal")), "region": chance.choice(("eu", "us", "asia"))},
        )
        for number in range(LABELS)
    ]


def relate(view: PermissionView, table: str, number: int, *pairs: tuple[str, str]) -> None:
    """What a row of a table grants: each subject is a member of its object."""
    tuples = tuple(RelationTuple(tenant="acme", object=o, relation="member", subject=s) for o, s in pairs)
    name = f"{SOURCE}/{table}/{0 if table == 'changing' else number}"
    view.relate(Grant(record_id=name, position=Position(f"{number + 1:016x}"), commit_ms=0, tuples=tuples))


def row(number: int, label: Label, vector: Vector) -> Row:
    return Row(
        record_id=f"{SOURCE}/{SOURCE}.pages/{number}",
        source=SOURCE,
        table=f"{SOURCE}.pages",
        key=json.dumps({"id": number}),
        position=Position(f"{number + 1:016x}"),
        label=label.id,
        commit_ms=NOW.wall_ms,
        event_ms=NOW.wall_ms,
        chunk=0,
        chunks=1,
        title=f"Page {number}",
        text="word " * 150,
        url="",
        metadata="{}",
        text_hash=str(number),
        vector=vector,
    )


def unit_vectors(count: int) -> Any:
    vectors = np.random.default_rng(SEED).standard_normal((count, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def contract() -> Contract:
    pages = {"key": ["id"], "text": "{body}", "permissions": {"tenant": "{tenant}", "readers": ["user:{owner}"]}}
    connector = {"plugin": "postgres", "config": "wiki.debezium.json"}
    return Contract.model_validate({"source": SOURCE, "connector": connector, "tables": {f"{SOURCE}.pages": pages}})
