"""One answer against what the oracle allows: what is too much, what is missing, what is not as it is."""

from collections import Counter
from dataclasses import dataclass, field
from threading import Lock

from infra.leaks import oracle
from infra.leaks.bearer import Asking
from infra.leaks.world import World
from schemas.answer import Answer, Hit
from schemas.errors import FreshlineError


@dataclass
class Findings:
    """What is wrong, each with what to look at. `counts`: answers, and what else was counted. Thread-safe."""

    leaks: list[str] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    """Hits whose text is not the row's any more."""
    problems: list[str] = field(default_factory=list)
    """What makes the run void."""
    counts: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, kind: str, what: str) -> None:
        with self.lock:
            getattr(self, kind).append(what)

    def count(self, what: str, by: int = 1) -> None:
        with self.lock:
            self.counts[what] += by


def judge_answer(world: World, asking: Asking, answer: Answer, found: Findings) -> None:
    """Compare the answer with what the oracle allows. Every hit too much is a leak, every one too few is withheld."""
    allowed, at_most = oracle.allowed(world, asking), oracle.most(asking)
    right = 0
    for hit in answer.hits:
        doc = allowed.get(hit.record_id)
        if doc is None:
            found.add("leaks", f"{hit.record_id} shown to {asking}: {_told(world, asking, hit)}")
            continue
        right += 1
        if "".join(hit.text.split()) not in "".join(doc.body.split()):
            found.add("stale", f"{hit.record_id} has the text {hit.text!r}, its row {doc.body!r}")
        same = [name for name in hit.duplicates if name in allowed]
        right += len(same)
        for name in sorted(set(hit.duplicates) - set(same)):
            found.add("leaks", f"{name} named to {asking} as the same as {hit.record_id}")
    if len(answer.hits) > at_most:
        found.add("leaks", f"{len(answer.hits)} documents, more than the {at_most} that were left to {asking}")
    missing = min(len(allowed), at_most) - right
    shown = {name for hit in answer.hits for name in (hit.record_id, *hit.duplicates)}
    if missing > 0:
        _withheld(world, asking, sorted(allowed.keys() - shown), missing, found)
    found.count("answers")
    found.count("hits", len(answer.hits))
    found.count("some hits", bool(answer.hits))


def judge_refusal(world: World, asking: Asking, refusal: FreshlineError, found: Findings) -> None:
    """A refusal is right for a token that leaves nothing to ask; else everything allowed is withheld."""
    if not oracle.may_ask(asking.bearer):
        found.count("rightly refused")
        return
    names = sorted(oracle.allowed(world, asking)) or ["an answer without hits"]
    _withheld(world, asking, names, len(names), found, f"refused with {refusal.code}: {refusal}; ")


def _withheld(world: World, asking: Asking, names: list[str], missing: int, found: Findings, because: str = "") -> None:
    """`missing` of `names`: with a limit nobody can say which."""
    docs = {doc.record_id: doc for doc in world.docs.values()}
    for name in names[:missing]:
        why = oracle.judge(world, asking, docs[name]).why if name in docs else "nothing is visible"
        found.add("withheld", f"{name} not shown to {asking}: {because}the oracle: {why}; {docs.get(name)}")


def _told(world: World, asking: Asking, hit: Hit) -> str:
    doc = next((doc for doc in world.docs.values() if doc.record_id == hit.record_id), None)
    if doc is None:
        return f"there is no such row; the product: {hit.why}; {hit.text!r}"
    return f"the oracle: {oracle.judge(world, asking, doc).why}; the product: {hit.why}; {doc}"
