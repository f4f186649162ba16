"""The company that chaos plays with: its tables, their contract, and its people."""

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from infra.chaos.product import Person
from schemas.change import record_id

SOURCE = "chaos"
TENANTS = ("red", "blue")
TEAMS = ("1", "2", "3", "4")
PEOPLE = tuple(
    Person(name, tenant)
    for name, tenant in (("ann", "red"), ("ben", "red"), ("cho", "red"), ("dan", "blue"), ("eve", "blue"))
)
PROBER = Person("prober", "red")
"""Only she may see the rows that measure recovery."""


@dataclass(frozen=True)
class Table:
    """A table of records. `key` maps column to PostgreSQL's type; `share` of all changes; `long`: TOAST-sized texts."""

    name: str
    key: dict[str, str]
    share: int
    long: bool = False
    truncated: bool = False

    @property
    def full_name(self) -> str:
        return f"{SOURCE}.{self.name}"

    def record_id(self, key: tuple[object, ...]) -> str:
        columns = list(self.key)
        return record_id(SOURCE, self.full_name, dict(zip(columns, key, strict=True)), columns)


NOTES = Table("notes", {"id": "bigint"}, share=50)
ENTRIES = Table("Entries", {"shelf": "text", "Slot No": "int"}, share=26)
BULLETINS = Table("bulletins", {"id": "bigint"}, share=14, truncated=True)
PAPERS = Table("papers", {"id": "uuid"}, share=10, long=True)
PROBES = Table("probes", {"id": "bigint"}, share=0)
TABLES = (NOTES, ENTRIES, BULLETINS, PAPERS, PROBES)
MEMBERS = "members"

COLUMNS = ("tenant", "owner", "team", "barred", "subject", "body", "rev")
"""Of every table of records, besides its key. `rev` counts the changes that the index must show."""


def schema() -> list[str]:
    """The statements that make the company's tables."""
    made = [f"CREATE SCHEMA {SOURCE}"]
    for table in TABLES:
        typed = ", ".join(f'"{column}" {kind}' for column, kind in table.key.items())
        names = ", ".join(f'"{column}"' for column in table.key)
        made.append(
            f'CREATE TABLE {SOURCE}."{table.name}" ({typed}, tenant text NOT NULL, owner text, team text NOT NULL, '
            f"barred text, subject varchar(200) NOT NULL, body text NOT NULL, rev int NOT NULL, scratch text, "
            f"PRIMARY KEY ({names}))"
        )
        # Not compressed, so that a long text is stored apart and an unchanged one is not in the log (TOAST).
        made.append(f'ALTER TABLE {SOURCE}."{table.name}" ALTER COLUMN body SET STORAGE EXTERNAL')
    made.append(
        f"CREATE TABLE {SOURCE}.{MEMBERS} (team text, person text, tenant text NOT NULL, PRIMARY KEY (team, person))"
    )
    return made


def write_sources(folder: Path) -> None:
    """The contract and the connector configuration of the company, in a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{SOURCE}.yaml").write_text(yaml.safe_dump(contract(), sort_keys=False))
    (folder / f"{SOURCE}.debezium.json").write_text(json.dumps(connector(), indent=2) + "\n")


def contract() -> dict[str, object]:
    """Records are read by their owner and team but not by whom they bar; members grant."""
    record = {
        "title": "{subject}",
        "text": "{body}",
        "metadata": ["rev"],
        "permissions": {
            "tenant": "{tenant}",
            "readers": ["user:{owner}", "team:{team}#member"],
            "denied": ["user:{barred}"],
        },
    }
    member = {"tenant": "{tenant}", "object": "team:{team}", "relation": "member", "subject": "user:{person}"}
    return {
        "source": SOURCE,
        "connector": {"plugin": "postgres", "config": f"{SOURCE}.debezium.json"},
        "freshness": {"slo": "2s", "half_life": "3650d"},
        "tables": {
            **{table.full_name: {"key": list(table.key), **record} for table in TABLES},
            f"{SOURCE}.{MEMBERS}": {"key": ["team", "person"], "relation": member},
        },
    }


def connector() -> dict[str, str]:
    """As a user would write it for this database: see connectors/sources."""
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": "${env:COMPANY_HOST}",
        "database.port": "${env:COMPANY_PORT}",
        "database.user": "${env:COMPANY_USER}",
        "database.password": "${env:COMPANY_PASSWORD}",
        "database.dbname": "${env:COMPANY_DATABASE}",
        "time.precision.mode": "isostring",
        "post.processors": "reselector",
        "post.processors.reselector.type": "io.debezium.processors.reselect.ReselectColumnsPostProcessor",
        "post.processors.reselector.reselect.unavailable.values": "true",
        "post.processors.reselector.reselect.null.values": "false",
        "heartbeat.interval.ms": "500",
        "heartbeat.action.query": f"SELECT pg_logical_emit_message(true, 'freshline.{SOURCE}', '')",
        "poll.interval.ms": "10",
        "retriable.restart.connector.wait.ms": "2000",
    }
