"""Changes at a steady rate, committed when their time has come and not when the last one is through (open loop)."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg

from bench.events.texts import Texts

NEW_SHARE = 0.1
"""Of the changes that insert a row; all others rewrite the text of one."""
TEAM, OWNER = 1, "ann@acme.example"

TABLE = """
CREATE TABLE public.articles (
  id bigint PRIMARY KEY, tenant_id text NOT NULL, owner_email text, team_id int NOT NULL, subject text NOT NULL,
  body text NOT NULL, status text NOT NULL, priority text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now()
)
"""
INSERT = """
INSERT INTO public.articles (id, tenant_id, owner_email, team_id, subject, body, status, priority)
VALUES (%s, 'acme', %s, %s, 'An article', %s, 'open', 'normal')
"""
UPDATE = "UPDATE public.articles SET body = %s, updated_at = now() WHERE id = %s"


@dataclass
class Load:
    """The table and its changes, from a seed. Each changes the text of a short row: all of it must be embedded."""

    database: psycopg.Connection[Any]
    rng: Random
    rows: int = 0
    committed: dict[int, str] = field(default_factory=dict)
    """The newest text of each row that was changed, from just before its commit."""

    def __post_init__(self) -> None:
        self._texts = Texts(self.rng)
        self._order: Iterator[int] = iter(())

    def fill(self, rows: int) -> None:
        """Make the table with so many rows."""
        self.database.execute(TABLE.encode())
        values = [(number, OWNER, TEAM, self._texts.short()) for number in range(1, rows + 1)]
        with self.database.cursor() as cursor:
            cursor.executemany(INSERT.encode(), values)
        self.rows = rows

    def run(self, rate: float, seconds: float) -> int:
        """Commit `rate` changes a second, one by one, at times that scatter around an even pace; how many."""
        began, count = time.monotonic(), round(rate * seconds)
        for number in range(count):
            due = began + (number + self.rng.random()) / rate
            time.sleep(max(0.0, due - time.monotonic()))
            self._change()
        return count

    def _change(self) -> None:
        text = self._texts.short()
        if self.rng.random() < NEW_SHARE:
            self.rows += 1
            self.committed[self.rows] = text
            self.database.execute(INSERT.encode(), [self.rows, OWNER, TEAM, text])
        else:
            number = self._next()
            self.committed[number] = text
            self.database.execute(UPDATE.encode(), [text, number])

    def _next(self) -> int:
        """Every row in turn, in an order of its own each time around: so no change is overtaken by the next."""
        number = next(self._order, None)
        if number is None:
            self._order = iter(self.rng.sample(range(1, self.rows + 1), self.rows))
            number = next(self._order)
        return number
