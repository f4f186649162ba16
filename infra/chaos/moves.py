"""What the workload does next: random transactions, the same for the same seed and the same committed rows. Pure."""

from collections.abc import Callable
from random import Random
from uuid import UUID

from infra.chaos import words
from infra.chaos.plans import Owned, Place, Step, Transaction, Values
from infra.chaos.tables import (
    BULLETINS,
    COLUMNS,
    ENTRIES,
    MEMBERS,
    PAPERS,
    PEOPLE,
    SOURCE,
    TABLES,
    TEAMS,
    TENANTS,
    Table,
)
from infra.chaos.timeline import Access, Holding, Membership

MOST_ROWS = 120
"""Of one table and writer; then rows are rather deleted than made."""
SLOTS = 40
"""Keys of the table that uses them again, per writer."""


class Moves:
    """One writer's random transactions. `number` of `writers`: no two writers touch one row.

    The first writer alone changes memberships and the table that is truncated, and changes the schema.
    """

    def __init__(self, random: Random, number: int, writers: int, owned: Owned) -> None:
        self._random, self._number, self._writers, self._owned = random, number, writers, owned
        self._made = 0
        first = number == 0
        self._tables = [table for table in TABLES if table.share and (first or table is not BULLETINS)]

    def next(self) -> Transaction:
        """The next transaction. Touches each row once, so that nothing between its statements is ever true."""
        dice = self._random.random()
        if self._number == 0 and dice < 0.005:
            return Transaction((self._truncate(),))
        if self._number == 0 and dice < 0.15:
            return Transaction((self._member(),))
        count = self._random.randint(2, 5) if dice > 0.8 else 1
        steps: list[Step] = []
        touched: set[Place] = set()
        for _ in range(count):
            step = self._step()
            if not touched & step.planned.keys():
                steps.append(step)
                touched |= step.planned.keys()
        return Transaction(tuple(steps), rolled_back=self._random.random() < 0.05)

    def _step(self) -> Step:
        table = self._random.choices(self._tables, [table.share for table in self._tables])[0]
        there = self._owned.keys(table.name)
        full = len(there) >= (MOST_ROWS if not table.long else MOST_ROWS // 3)
        if not there or (not full and self._random.random() < 0.25):
            return self._insert(table)
        place = self._random.choice(there)
        kinds: list[tuple[Callable[[Table, Place], Step], int]] = [
            (self._rewrite, 15 if table.long else 35),
            (self._permit, 25),
            (self._scratch, 12),
            (self._rename, 8),
            (self._delete, 40 if full else 15),
        ]
        [move] = self._random.choices([kind for kind, _ in kinds], [weight for _, weight in kinds])
        return move(table, place)

    def _insert(self, table: Table) -> Step:
        key, access = self._new_key(table), self._access()
        columns = ", ".join(f'"{column}"' for column in (*table.key, *COLUMNS))
        marks = ", ".join(["%s"] * (len(table.key) + len(COLUMNS)))
        # A key in use again is an update, with the same result.
        same = ", ".join(f"{c} = excluded.{c}" for c in COLUMNS if c != "rev")
        names = ", ".join(f'"{column}"' for column in table.key)
        on_conflict = f'ON CONFLICT ({names}) DO UPDATE SET {same}, rev = "{table.name}".rev + 1'
        query = f'INSERT INTO {SOURCE}."{table.name}" ({columns}) VALUES ({marks}) {on_conflict}'
        subject, body = words.text(self._random, 4), words.body(self._random, table.long)
        values = (*key, access.tenant, access.owner, access.team, access.barred, subject, body, 1)
        return Step(query, values, {(table.name, key): access})

    def _rewrite(self, table: Table, place: Place) -> Step:
        text = words.body(self._random, table.long)
        return self._update(table, place, "body = %s, rev = rev + 1", (text,), self._owned.rows[place])

    def _permit(self, table: Table, place: Place) -> Step:
        access = self._access()
        values = (access.tenant, access.owner, access.team, access.barred)
        columns = "tenant = %s, owner = %s, team = %s, barred = %s, rev = rev + 1"
        return self._update(table, place, columns, values, access)

    def _scratch(self, table: Table, place: Place) -> Step:
        return self._update(table, place, "scratch = %s", (words.text(self._random, 3),), self._owned.rows[place])

    def _rename(self, table: Table, place: Place) -> Step:
        """Give the row another key: the old record goes, a new one comes."""
        key = self._new_key(table)
        if (table.name, key) in self._owned.rows:
            return self._scratch(table, place)
        columns = ", ".join(f'"{column}" = %s' for column in table.key)
        step = self._update(table, place, f"{columns}, rev = rev + 1", key, None)
        return Step(step.query, step.values, {place: None, (table.name, key): self._owned.rows[place]})

    def _delete(self, table: Table, place: Place) -> Step:
        return Step(f'DELETE FROM {SOURCE}."{table.name}" WHERE {_where(table)}', place[1], {place: None})

    def _truncate(self) -> Step:
        there = dict.fromkeys(self._owned.keys(BULLETINS.name))
        return Step(f'TRUNCATE {SOURCE}."{BULLETINS.name}"', (), there)

    def _member(self) -> Step:
        """Put a person into a team, in one tenant or another, or take it out."""
        key = (self._random.choice(TEAMS), self._random.choice(PEOPLE).name)
        place: Place = (MEMBERS, key)
        if place in self._owned.rows and self._random.random() < 0.6:
            return Step(f"DELETE FROM {SOURCE}.{MEMBERS} WHERE team = %s AND person = %s", key, {place: None})
        tenant = self._random.choice(TENANTS)
        query = (
            f"INSERT INTO {SOURCE}.{MEMBERS} (team, person, tenant) VALUES (%s, %s, %s) "
            "ON CONFLICT (team, person) DO UPDATE SET tenant = excluded.tenant"
        )
        return Step(query, (*key, tenant), {place: Membership(tenant)})

    def _update(self, table: Table, place: Place, columns: str, values: Values, becomes: Holding | None) -> Step:
        query = f'UPDATE {SOURCE}."{table.name}" SET {columns} WHERE {_where(table)}'
        return Step(query, (*values, *place[1]), {place: becomes})

    def _new_key(self, table: Table) -> tuple[object, ...]:
        if table is ENTRIES:
            return f"shelf {self._number}/ü", self._random.randrange(SLOTS)
        self._made += 1
        number = self._made * self._writers + self._number
        return (str(UUID(int=number << 64 | 0xC4A05)),) if table is PAPERS else (number,)

    def _access(self) -> Access:
        owner = self._random.choice([*PEOPLE, None])
        barred = self._random.choice(PEOPLE).name if self._random.random() < 0.15 else None
        tenant = self._random.choice(TENANTS)
        return Access(tenant, owner.name if owner else None, self._random.choice(TEAMS), barred)


def _where(table: Table) -> str:
    return " AND ".join(f'"{column}" = %s' for column in table.key)
