"""What the three row makers share: the shape of rows, one random source per row, and believable times."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from infra.demo.company_people import Staff, Team
from infra.demo.company_texts import Writer

Cell = str | int | datetime | None
Row = dict[str, Cell]
Rows = dict[str, list[Row]]
"""Table name `<schema>.<table>` -> its rows; tables and rows in an order that satisfies the foreign keys."""

OLDEST_DAYS = 400


@dataclass(frozen=True)
class Making:
    """One run of the generator: everything a row depends on, and the rows made so far."""

    now: datetime
    seed: int
    staff: Staff
    rows: Rows = field(default_factory=dict)

    def random(self, table: str, number: int) -> Random:
        """A random source of its own for each row, so that a changed row leaves the others as they were."""
        return Random(f"{self.seed}:{table}:{number}")

    def add(self, table: str, row: Row) -> Row:
        self.rows.setdefault(table, []).append(row)
        return row

    def lifetime(self, random: Random, not_before: datetime | None = None) -> dict[str, Cell]:
        """Columns `created_at` and `updated_at`: many recent, some 400 days old, never in the future."""
        created = self.now - timedelta(days=OLDEST_DAYS * random.random() ** 3) - timedelta(minutes=30)
        if not_before is not None:
            created = not_before + (self.now - not_before) * random.random() * 0.3
        updated = created + (self.now - created) * random.random() * 0.6
        return {"created_at": _to_second(created), "updated_at": _to_second(updated)}

    def writer(self, team: Team, random: Random, facts: dict[str, str] | None = None) -> Writer:
        """A writer with the tenant's words that knows the team and one colleague by name."""
        colleague = random.choice(self.staff.ordinary(team)).full_name
        return Writer(team.tenant, random, {"team": team.name, "colleague": colleague, **(facts or {})})

    def team(self, row: Row) -> Team:
        """The team a row's `team_id` names."""
        return next(team for team in self.staff.teams if team.id == row["team_id"])


def when(row: Row, column: str) -> datetime:
    """A time column of a row. Raises TypeError if it holds something else."""
    value = row[column]
    if not isinstance(value, datetime):
        raise TypeError(f"column {column} holds {type(value).__name__}, not a time")
    return value


def _to_second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)
