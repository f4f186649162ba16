"""What live tests of the helpdesk share: a ticket of their own, and bounded waiting."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

T = TypeVar("T")


def within(what: str, check: Callable[[], T | None], seconds: float) -> T:
    """The first result of `check` that is not None; at most `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = check()
        if found is not None:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


def new_ticket(company: psycopg.Connection[Any], subject: str) -> int:
    """A ticket of one of alice's teams that no other test touches."""
    found = company.execute(
        """INSERT INTO helpdesk.tickets (tenant_id, team_id, owner_email, subject, body, region)
           VALUES ('acme', 11, NULL, %s, 'Nothing is known yet.', 'north') RETURNING id""",
        [subject],
    ).fetchone()
    assert found is not None
    return int(found[0])
