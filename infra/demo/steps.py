"""The demo's steps on real parts: each asks, changes the database, and waits for the answer to follow."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol, TypeVar

import psycopg
from psycopg import sql

from infra.demo.company import Company
from infra.demo.company_story import RecordKey
from schemas.answer import Answer, Hit, SourceStatus
from schemas.change import record_id
from schemas.errors import FreshlineError

Found = TypeVar("Found")

SHOWN = ("fresh", "late")
PATIENCE_S = 60.0
"""How long a change may take to be answered before the demo calls it wrong."""


class StepFailed(FreshlineError):
    """A step of the demo did not come out as it must."""

    code = "step_failed"


class Product(Protocol):
    """What the demo uses of Freshline: the same doors as any user."""

    def ask(self, person: str, question: str) -> Answer: ...

    def freshness(self) -> list[SourceStatus]: ...

    def searchable(self) -> int:
        """How many records the index holds."""


@dataclass(frozen=True)
class Stage:
    """Where the demo plays: the sample company in its database (autocommit), and the product.

    `tables` are those whose rows the contracts make searchable.
    """

    company: Company
    database: psycopg.Connection
    product: Product
    tables: Sequence[str]


def id_of(record: RecordKey) -> str:
    return record_id(record.source, record.table, dict(record.key), list(record.key))


def rows_in(stage: Stage) -> int:
    """How many rows there are to become searchable."""
    counts = [sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split("."))) for table in stage.tables]
    return sum(row[0] for count in counts for row in stage.database.execute(count))


def settled(stage: Stage, since_ms: int, progress: Callable[[int], None], patience_s: float) -> int:
    """Wait until every source is shown, and searchable up to `since_ms`; `progress` gets the number of records in
    between."""
    deadline = time.monotonic() + patience_s
    while True:
        searchable = stage.product.searchable()
        progress(searchable)
        try:
            statuses = stage.product.freshness()
        except FreshlineError:
            statuses = []
        # Right after a long backlog a source is withheld for a moment: its watermark is still that of before.
        behind = [s.source for s in statuses if s.state not in SHOWN or (s.watermark_ms or 0) < since_ms]
        if statuses and not behind:
            return searchable
        if time.monotonic() > deadline:
            names = ", ".join(behind) or "all sources"
            raise StepFailed(f"not searchable within {patience_s:.0f} s: {names}; see the logs of connect and worker")
        time.sleep(0.25)


def two_answers(stage: Stage) -> dict[str, Answer]:
    """One question by two people: each must get the ticket of her own team, and must not see the other's."""
    story = stage.company.story.two_answers
    answers = {person: stage.product.ask(person, story.question) for person in story.answers}
    for person, answer in answers.items():
        seen = [hit.record_id for hit in answer.hits]
        others = {id_of(record) for who, record in story.answers.items() if who != person}
        if not seen or seen[0] != id_of(story.answers[person]):
            raise StepFailed(f"{person}'s best hit is {seen[:1]}, not {id_of(story.answers[person])}")
        if others & set(seen):
            raise StepFailed(f"{person} was shown {sorted(others & set(seen))}, which is not hers to see")
    return answers


def update(stage: Stage) -> tuple[Hit, float]:
    """Rewrite a ticket: the new text must become the best hit. Returns it and the milliseconds from commit."""
    story = stage.company.story.update
    began = _commit(
        stage,
        "UPDATE helpdesk.tickets SET body = %s, status = %s, updated_at = now() WHERE id = %s",
        (story.new_body, story.new_status, story.ticket.key["id"]),
    )
    target = id_of(story.ticket)

    def best_is_new(answer: Answer) -> Hit | None:
        best = answer.hits[0] if answer.hits else None
        return best if best and best.record_id == target and best.text in story.new_body else None

    return _until(stage, story.asked_by, story.question, best_is_new, began)


def leave_team(stage: Stage) -> float:
    """Take a member out of her team: the hit must be gone for her. Returns the milliseconds from commit."""
    story = stage.company.story.leave_team
    _must_see(stage, story.person, story.question, story.ticket)
    began = _commit(
        stage,
        "DELETE FROM helpdesk.members WHERE team_id = %s AND user_email = %s",
        (story.team_id, story.member_email),
    )
    return _until_gone(stage, story.person, story.question, story.ticket, began)


def delete(stage: Stage) -> float:
    """Delete a ticket: it must be gone. Returns the milliseconds from commit."""
    story = stage.company.story.delete
    _must_see(stage, story.asked_by, story.question, story.ticket)
    began = _commit(stage, "DELETE FROM helpdesk.tickets WHERE id = %s", (story.ticket.key["id"],))
    return _until_gone(stage, story.asked_by, story.question, story.ticket, began)


def sample(stage: Stage, count: int, progress: Callable[[int], None]) -> list[float]:
    """`count` single updates, each waited for before the next: milliseconds from commit to answer."""
    story = stage.company.story.update
    target = id_of(story.ticket)
    taken = []
    for number in range(1, count + 1):
        crate = f"{time.time_ns() // 1000 % 10**9:09d}"
        text = f"Crate {crate} of Kestrel Outdoor stands in bay {number} and waits for its customs papers."
        query = "UPDATE helpdesk.tickets SET body = %s, updated_at = now() WHERE id = %s"
        began = _commit(stage, query, (text, story.ticket.key["id"]))

        def shown(answer: Answer, text: str = text) -> Hit | None:
            return next((hit for hit in answer.hits if hit.record_id == target and hit.text == text), None)

        question = f"In which bay stands crate {crate} of Kestrel Outdoor?"
        taken.append(_until(stage, story.asked_by, question, shown, began)[1])
        progress(number)
    return taken


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of all are not above: nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * share) - 1)]


def _commit(stage: Stage, query: str, values: tuple[object, ...]) -> float:
    """Run one statement in autocommit; the monotonic time just before it, so that the commit itself is counted."""
    began = time.monotonic()
    changed = stage.database.execute(query.encode(), values).rowcount
    if changed != 1:
        raise StepFailed(f"{changed} rows were changed instead of one: {query}")
    return began


def _must_see(stage: Stage, person: str, question: str, record: RecordKey) -> None:
    if id_of(record) not in [hit.record_id for hit in stage.product.ask(person, question).hits]:
        raise StepFailed(f"{person} should see {id_of(record)} before the change, but does not")


def _until_gone(stage: Stage, person: str, question: str, record: RecordKey, began: float) -> float:
    def gone(answer: Answer) -> Answer | None:
        return None if id_of(record) in [hit.record_id for hit in answer.hits] else answer

    return _until(stage, person, question, gone, began)[1]


def _until(
    stage: Stage, person: str, question: str, check: Callable[[Answer], Found | None], began: float
) -> tuple[Found, float]:
    deadline = began + PATIENCE_S
    while time.monotonic() < deadline:
        found = check(stage.product.ask(person, question))
        if found is not None:
            return found, (time.monotonic() - began) * 1000
    raise StepFailed(f"after {PATIENCE_S:.0f} s {person}'s answer to {question!r} has still not followed the change")
