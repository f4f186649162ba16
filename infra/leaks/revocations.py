"""From the commit that revokes to the first answer without the hit, by each way of revoking, under other changes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from threading import Event, Thread

import psycopg

from infra.chaos.words import text
from infra.leaks.bearer import Asking, Bearer, Narrowing
from infra.leaks.changes import Changes
from infra.leaks.judge import Findings
from infra.leaks.rounds import Doors, write
from infra.leaks.world import (
    SOURCE,
    Doc,
    Entry,
    Statement,
    delete_entry,
    insert_doc,
    insert_entry,
    move_folder,
    update_doc,
)
from schemas.answer import Answer, Question
from schemas.errors import FreshlineError, Unavailable

KINDS = ("membership", "folder_move", "own_acl", "tenant", "token")
TENANT = "leaving"
"""A tenant of their own, so that each person sees her one document and nothing else."""
RATE = 20.0
"""Other changes a second, meanwhile."""
PATIENCE_S = 30.0
PAUSE_S = 0.005
FIRST_ID = 1_000_000


@dataclass(frozen=True, slots=True)
class Case:
    """One person who sees one document by exactly one path. `take_away` None: her token is revoked."""

    kind: str
    asking: Asking
    doc: Doc
    path: tuple[Statement, ...]
    take_away: Statement | None


class Revocations:
    """Takes away one path after the other. The milliseconds are in `taken`, by kind."""

    def __init__(self, doors: Doors, database: psycopg.Connection, found: Findings) -> None:
        self._doors, self._database, self._found = doors, database, found
        self.taken: dict[str, list[float]] = {kind: [] for kind in KINDS}

    def run(self, each: int, random: Random) -> None:
        """`each` of every kind, the kinds in turns. Afterwards nobody may see again what was taken away."""
        made = [case for number in range(each) for case in cases(number, random)]
        for start in range(0, len(made), 100):
            part = made[start : start + 100]
            write(self._database, [statement for case in part for statement in (*case.path, insert_doc(case.doc))])
        self._doors.caught_up(time.time() * 1000)
        held = []
        for case in made:
            token = self._doors.token(case.asking.bearer)
            held.append((case, token))
            try:
                self._revoke(case, token)
            except FreshlineError as error:
                self._found.add("problems", f"{case.kind}: {error.code}: {error}")
        for case, token in held:
            if self._shown(case, token):
                self._found.add("leaks", f"{case.doc.record_id} shown again to {case.asking} after {case.kind}")

    def _revoke(self, case: Case, token: str) -> None:
        if not self._shown(case, token):
            self._found.add("withheld", f"{case.doc.record_id} not shown to {case.asking} before {case.kind}")
            return
        if case.take_away is None:
            self._doors.product.revoke(token)
        else:
            write(self._database, [case.take_away])
        began = time.perf_counter()
        while self._shown(case, token):
            if time.perf_counter() - began > PATIENCE_S:
                self._found.add("leaks", f"{case.doc.record_id} still shown to {case.asking} after {case.kind}")
                return
            time.sleep(PAUSE_S)
        self.taken[case.kind].append((time.perf_counter() - began) * 1000)

    def _shown(self, case: Case, token: str) -> bool:
        """A refused token shows nothing, which only a revoked token may be."""
        answer = self._doors.answer(case.asking, token)
        if isinstance(answer, Answer):
            return any(case.doc.record_id in (hit.record_id, *hit.duplicates) for hit in answer.hits)
        if case.take_away is not None:
            raise Unavailable("an answer", f"{answer.code}: {answer}")
        return False


def cases(number: int, random: Random) -> Iterator[Case]:
    """One of each kind."""
    for place, kind in enumerate(KINDS):
        name = f"{kind}-{number}"
        body, doc_id = text(random, 6), FIRST_ID + number * len(KINDS) + place
        handed_on = kind == "token" and number % 2
        bearer = Bearer(
            "capability" if handed_on else "own", name, TENANT, chain=(Narrowing(),) * 2 if handed_on else ()
        )
        asking = Asking(bearer, Question(query=body, limit=5))
        owned = Doc(doc_id, TENANT, None, name, None, "public", "us", "final", body)
        filed = Doc(doc_id, TENANT, name, None, None, "public", "us", "final", body)
        if kind == "membership":
            member = Entry("members", TENANT, name, f"user:{name}")
            viewer = insert_entry(Entry("viewers", TENANT, name, f"team:{name}#member"))
            yield Case(kind, asking, filed, (insert_entry(member), viewer), delete_entry(member))
        elif kind == "folder_move":
            above = f"above-{number}"
            sql = f"INSERT INTO {SOURCE}.folders (tenant, id, parent) VALUES (%s, %s, %s)"
            viewer = insert_entry(Entry("viewers", TENANT, above, f"user:{name}"))
            yield Case(
                kind, asking, filed, (Statement(sql, (TENANT, name, above)), viewer), move_folder(TENANT, name, "apart")
            )
        elif kind == "own_acl":
            denied = update_doc(doc_id, "denied", f"user:{name}")
            yield Case(kind, asking, owned, (), denied if number % 2 else update_doc(doc_id, "owner", "somebody"))
        elif kind == "tenant":
            yield Case(kind, asking, owned, (), update_doc(doc_id, "tenant", "elsewhere"))
        else:
            yield Case(kind, asking, owned, (), None)


@contextmanager
def load(dsn: str, changes: Changes, found: Findings) -> Iterator[None]:
    """Other rows change meanwhile, about RATE a second; nobody else may use `changes`."""
    stopping = Event()

    def run() -> None:
        due = time.monotonic()
        try:
            with psycopg.connect(dsn, autocommit=True) as database:
                while not stopping.wait(max(0.0, due - time.monotonic())):
                    write(database, [changes.next()])
                    found.count("other changes")
                    due = max(due, time.monotonic() - 1.0) + 1 / RATE
        except psycopg.Error as error:
            found.add("problems", f"the load ended: {type(error).__name__}")

    thread = Thread(target=run, name="load", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(30.0)
