"""The company as it stands: plain rows, as PostgreSQL holds them in the schema `leaks`.

Names are the same in each tenant. A subject is written as in the database: `user:ann`, `team:3#member`, `user:*` or
`public:*`.
"""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, field, fields

from schemas.change import record_id

SOURCE = "leaks"
TENANTS = ("red", "green", "blue")
PEOPLE = ("ann", "ben", "cho", "dan", "eve", "fay", "gus", "hal", "ida", "jon", "kim", "lea")
TEAMS = ("1", "2", "3", "4", "5", "6")
FOLDERS = ("1", "2", "3", "4", "5", "6", "7", "8")
CLASSIFICATIONS = ("public", "public", "internal", "internal", "secret", None)
REGIONS = ("eu", "us", "us", "asia", None)
STATES = ("final", "final", "final", "draft")
PURPOSES = ("", "audit", "audit", "review", "support")
"""What comes twice comes twice as often."""
MOST_DOCS = 45
"""Of a tenant: fewer than one answer can hold, so that an answer tells all that its asker may see."""


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One row of `members`, `viewers`, `editors` or `bans`: the subject has that to the object, a team or a folder."""

    table: str
    tenant: str
    object: str
    subject: str


@dataclass(frozen=True, slots=True)
class Doc:
    """One row of `docs`. It is read by its owner and by whoever may view its folder, but not by whom it denies."""

    id: int
    tenant: str
    folder: str | None
    owner: str | None
    denied: str | None
    classification: str | None
    region: str | None
    state: str
    body: str

    @property
    def record_id(self) -> str:
        return record_id(SOURCE, f"{SOURCE}.docs", {"id": self.id}, ["id"])


@dataclass
class World:
    """Every row. `subjects`: (table, tenant, object) -> whom it names; `folders`: (tenant, folder) -> what it is in."""

    subjects: dict[tuple[str, str, str], set[str]] = field(default_factory=dict)
    folders: dict[tuple[str, str], str | None] = field(default_factory=dict)
    docs: dict[int, Doc] = field(default_factory=dict)

    def of(self, table: str, tenant: str, object_: str) -> set[str]:
        """The subjects of a table's rows about a team or a folder."""
        return self.subjects.get((table, tenant, object_), set())

    def entries(self) -> list[Entry]:
        """The rows of the four tables that name subjects, sorted."""
        return sorted(Entry(*place, subject) for place, named in self.subjects.items() for subject in named)

    def add(self, entry: Entry) -> None:
        self.subjects.setdefault((entry.table, entry.tenant, entry.object), set()).add(entry.subject)

    def remove(self, entry: Entry) -> None:
        self.subjects[entry.table, entry.tenant, entry.object].remove(entry.subject)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with its values."""

    sql: str
    values: tuple[object, ...] = ()


def schema() -> list[Statement]:
    """What makes the company's tables."""
    columns = "tenant text, object text, subject text, PRIMARY KEY (tenant, object, subject)"
    made = [f"CREATE SCHEMA {SOURCE}"]
    made += [f"CREATE TABLE {SOURCE}.{table} ({columns})" for table in ("members", "viewers", "editors", "bans")]
    made.append(f"CREATE TABLE {SOURCE}.folders (tenant text, id text, parent text, PRIMARY KEY (tenant, id))")
    made.append(
        f"CREATE TABLE {SOURCE}.docs (id int PRIMARY KEY, tenant text NOT NULL, folder text, owner text, denied text, "
        "classification text, region text, state text NOT NULL, body text NOT NULL)"
    )
    return [Statement(sql) for sql in made]


def rows(world: World) -> Iterator[Statement]:
    """What writes every row of a company into empty tables."""
    yield from (insert_entry(entry) for entry in world.entries())
    for (tenant, folder), parent in world.folders.items():
        yield Statement(
            f"INSERT INTO {SOURCE}.folders (tenant, id, parent) VALUES (%s, %s, %s)", (tenant, folder, parent)
        )
    yield from (insert_doc(doc) for doc in world.docs.values())


def insert_entry(entry: Entry) -> Statement:
    sql = f"INSERT INTO {SOURCE}.{entry.table} (tenant, object, subject) VALUES (%s, %s, %s)"
    return Statement(sql, (entry.tenant, entry.object, entry.subject))


def delete_entry(entry: Entry) -> Statement:
    sql = f"DELETE FROM {SOURCE}.{entry.table} WHERE tenant = %s AND object = %s AND subject = %s"
    return Statement(sql, (entry.tenant, entry.object, entry.subject))


def insert_doc(doc: Doc) -> Statement:
    names = [column.name for column in fields(Doc)]
    marks = ", ".join(["%s"] * len(names))
    return Statement(f"INSERT INTO {SOURCE}.docs ({', '.join(names)}) VALUES ({marks})", astuple(doc))


def move_folder(tenant: str, folder: str, parent: str | None) -> Statement:
    sql = f"UPDATE {SOURCE}.folders SET parent = %s WHERE tenant = %s AND id = %s"
    return Statement(sql, (parent, tenant, folder))


def update_doc(doc: int, column: str, value: str | None) -> Statement:
    """`column` is a name of ours, never one that came from outside."""
    if column not in Doc.__slots__:
        raise ValueError(f"docs have no column {column!r}")
    return Statement(f"UPDATE {SOURCE}.docs SET {column} = %s WHERE id = %s", (value, doc))


def delete_doc(doc: int) -> Statement:
    return Statement(f"DELETE FROM {SOURCE}.docs WHERE id = %s", (doc,))
