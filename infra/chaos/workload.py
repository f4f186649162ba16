"""The workload: several writers, each on a connection and rows of its own, and one that changes the schema."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from threading import Event, Lock, Thread

import psycopg

from infra.chaos.database import Database, read_back
from infra.chaos.moves import Moves
from infra.chaos.plans import Owned, Transaction, name_of
from infra.chaos.tables import MEMBERS, PROBES, SOURCE, TABLES
from infra.chaos.timeline import Timeline

WRITERS = 4
SCHEMA_CHANGE_EVERY_S = 8.0
RECENT = 300
"""So many record ids touched last are kept for the reader to look at."""


class RolledBack(Exception):
    """Thrown inside a transaction that is rolled back on purpose."""


@dataclass
class Touched:
    """What was changed so far. Thread-safe."""

    changes: int = 0
    failures: list[str] = field(default_factory=list)
    """Of the workload itself: a bug of chaos, never of the product."""
    records: set[str] = field(default_factory=set)
    recent: deque[str] = field(default_factory=lambda: deque(maxlen=RECENT))
    lock: Lock = field(default_factory=Lock)

    def add(self, changes: int, names: list[str]) -> None:
        with self.lock:
            self.changes += changes
            self.records.update(names)
            self.recent.extend(names)

    def look(self) -> tuple[list[str], list[str]]:
        """Records touched last, and all ever touched."""
        with self.lock:
            return list(self.recent), list(self.records)


class Workload:
    """Changes at about `rate` a second until stopped. The same seed makes the same plans."""

    def __init__(self, dsn: str, seed: int, rate: float, timeline: Timeline) -> None:
        self._dsn, self._seed, self._rate, self._timeline = dsn, seed, rate, timeline
        self._stopping = Event()
        self.touched = Touched()
        self._threads = [
            Thread(target=self._guard, args=(self._write, number), name=f"writer-{number}", daemon=True)
            for number in range(WRITERS)
        ]
        self._threads.append(Thread(target=self._guard, args=(self._reshape, WRITERS), name="schema", daemon=True))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No change is made any more when this returns."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(120.0)

    def _guard(self, run: Callable[[int], None], number: int) -> None:
        try:
            run(number)
        except Exception as error:
            self.touched.failures.append(f"writer {number}: {type(error).__name__}: {error}")

    def _write(self, number: int) -> None:
        random, owned = Random(f"{self._seed}/{number}"), Owned()
        moves = Moves(random, number, WRITERS, owned)
        database = Database(self._dsn, self._stopping)
        due = time.monotonic()
        while not self._stopping.is_set():
            changed = self.carry_out(database, moves.next(), owned)
            due = max(due, time.monotonic() - 2.0) + random.uniform(0.5, 1.5) * max(1, changed) * WRITERS / self._rate
            self._stopping.wait(max(0.0, due - time.monotonic()))
        database.close()

    def carry_out(self, database: Database, transaction: Transaction, owned: Owned) -> int:
        """Run it and read back what is committed, also where the server went away in the middle of a commit."""
        planned = {name_of(place): what for place, what in transaction.planned.items()}
        self._timeline.announce(planned, _now_ms())
        changes = 0
        try:
            connection = database.connection()
            with connection.transaction():
                for step in transaction.steps:
                    changes += min(step.counted, max(0, connection.execute(step.query.encode(), step.values).rowcount))
                    changes += step.query.startswith("TRUNCATE")
                if transaction.rolled_back:
                    raise RolledBack
        except RolledBack:
            changes = 0
        except psycopg.OperationalError:
            changes = 0
            database.close()
        committed = database.until_done(lambda connection: read_back(connection, transaction.planned))
        owned.settle(committed)
        self._timeline.settle({name_of(place): what for place, what in committed.items()}, _now_ms())
        names = [name_of(place) for place in committed if place[0] != MEMBERS]
        self.touched.add(changes, names)
        return changes

    def _reshape(self, number: int) -> None:
        random, database = Random(f"{self._seed}/{number}"), Database(self._dsn, self._stopping)
        for statement in schema_changes(random):
            if self._stopping.wait(SCHEMA_CHANGE_EVERY_S * random.uniform(0.5, 1.5)):
                break
            try:
                database.connection().execute(statement.encode())
                self.touched.add(1, [])
            except (psycopg.errors.DuplicateColumn, psycopg.errors.UndefinedColumn):
                continue  # done already, by a try whose answer a restart swallowed
            except psycopg.OperationalError:
                database.close()
        database.close()


def schema_changes(random: Random) -> Iterator[str]:
    """Changes of the schema that the contract survives: columns it does not use come, change and go; types widen."""
    tables = [table for table in TABLES if table is not PROBES]
    width, made = 200, 0
    widened = {table.name: False for table in tables}
    while True:
        table = random.choice(tables)
        name = f'{SOURCE}."{table.name}"'
        made += 1
        if random.random() < 0.3:
            width += 10
            yield f"ALTER TABLE {name} ALTER COLUMN subject TYPE varchar({width})"
        elif not widened[table.name] and random.random() < 0.4:
            widened[table.name] = True
            yield f"ALTER TABLE {name} ALTER COLUMN rev TYPE bigint"
        else:
            yield f"ALTER TABLE {name} ADD COLUMN extra_{made} text DEFAULT 'nothing'"
            if random.random() < 0.5:
                yield f"ALTER TABLE {name} RENAME COLUMN extra_{made} TO other_{made}"
                yield f"ALTER TABLE {name} DROP COLUMN IF EXISTS other_{made}"
            else:
                yield f"ALTER TABLE {name} DROP COLUMN IF EXISTS extra_{made}"


def _now_ms() -> float:
    return time.time() * 1000
