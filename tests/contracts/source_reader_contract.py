"""What every reader of a source's rows must do: one suite, run against the double and against PostgreSQL.

Documents belong to an owner within a tenant. Row-level security shows a row to its owner, and a secret row only to an
owner whose attribute `clearance` is secret.
"""

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, Protocol

import pytest

from query.asker import Asker
from query.principal import Principal
from query.source.port import SourceReader, SourceRow
from schemas.change import record_id
from schemas.contract import Contract
from schemas.errors import Unavailable

SOURCE = "vault"
LONG_S = 20.0
ALICE = Asker(Principal("alice@acme.example", "acme"))
BOB = Asker(Principal("bob@acme.example", "acme"))
ODD_PLACE = "a,b/c'); DROP TABLE docs; --%é"


def contract_of(schema: str = SOURCE, **at_source: Any) -> Contract:
    """The contract; `at_source` says more about how its rows are read."""
    shown = {"permissions": {"tenant": "{tenant_id}", "readers": ["user:{owner}"]}}
    return Contract.model_validate(
        {
            "source": SOURCE,
            "connector": {"plugin": "postgres", "config": "vault.debezium.json"},
            "at_source": {"role": "vault_reader", **at_source},
            "enforce": "source",
            "tables": {
                f"{schema}.docs": {
                    "key": ["id"],
                    "title": "{title}",
                    "text": "{body}",
                    "metadata": ["amount", "at"],
                    "mask": ["card"],
                    **shown,
                },
                f"{schema}.places": {"key": ["place", "number"], "text": "{body}", **shown},
            },
        }
    )


class ReaderStage(Protocol):
    """A source whose rows a test makes and changes. `schema` is that of its tables."""

    schema: str
    reader: SourceReader

    def put(self, number: int, owner: Asker, body: str, secret: bool = False) -> str:
        """Make or change a document; its record id."""

    def put_place(self, place: str, number: int, owner: Asker) -> str:
        """Make a row with a key of two columns; its record id."""

    def delete(self, number: int) -> None: ...


def docs(stage: ReaderStage, *numbers: object) -> list[str]:
    return [record_id(SOURCE, f"{stage.schema}.docs", {"id": number}, ["id"]) for number in numbers]


def read(stage: ReaderStage, asker: Asker, names: Iterable[str], table: str = "docs") -> dict[str, SourceRow]:
    return stage.reader.read(asker, {f"{stage.schema}.{table}": list(names)}, monotonic() + LONG_S)


class SourceReaderContract:
    def test_each_asker_sees_its_own_rows_only(self, stage: ReaderStage) -> None:
        one, two = stage.put(1, ALICE, "of alice"), stage.put(2, BOB, "of bob")
        assert {name: row["body"] for name, row in read(stage, ALICE, [one, two]).items()} == {one: "of alice"}
        assert {name: row["body"] for name, row in read(stage, BOB, [one, two]).items()} == {two: "of bob"}

    def test_the_very_next_read_shows_what_was_changed_given_away_or_deleted(self, stage: ReaderStage) -> None:
        name = stage.put(1, ALICE, "first")
        stage.put(1, ALICE, "second")
        assert read(stage, ALICE, [name])[name]["body"] == "second"
        stage.put(1, BOB, "second")
        assert (read(stage, ALICE, [name]), list(read(stage, BOB, [name]))) == ({}, [name])
        stage.delete(1)
        assert read(stage, BOB, [name]) == {}

    def test_only_what_is_asked_for_is_read(self, stage: ReaderStage) -> None:
        names = [stage.put(number, ALICE, "x") for number in (1, 2, 3)]
        assert read(stage, ALICE, names[1:2]).keys() == {names[1]}

    def test_another_tenants_namesake_sees_nothing(self, stage: ReaderStage) -> None:
        name = stage.put(1, ALICE, "x")
        assert read(stage, Asker(Principal(ALICE.principal.subject, "rival")), [name]) == {}

    def test_attributes_of_the_asker_count(self, stage: ReaderStage) -> None:
        name = stage.put(1, ALICE, "x", secret=True)
        cleared = Asker(ALICE.principal, attributes={"clearance": "secret"})
        assert (read(stage, ALICE, [name]), list(read(stage, cleared, [name]))) == ({}, [name])
        assert read(stage, ALICE, [name]) == {}, "nothing of one asker stays for the next"

    def test_a_key_of_several_columns_is_found_whatever_it_holds(self, stage: ReaderStage) -> None:
        name, other = stage.put_place(ODD_PLACE, 7, ALICE), stage.put_place("plain", 7, ALICE)
        assert read(stage, ALICE, [name], "places").keys() == {name}
        assert read(stage, ALICE, [name, other], "places").keys() == {name, other}

    @pytest.mark.parametrize("key", ["x", "1; DROP TABLE docs", "", "1,2", "%00", "9" * 30, "1) OR (1=1"])
    def test_an_id_that_no_row_can_have_is_no_row_and_harms_no_other(self, stage: ReaderStage, key: str) -> None:
        name = stage.put(1, ALICE, "x")
        wrong = f"{SOURCE}/{stage.schema}.docs/{key}"
        assert read(stage, ALICE, [wrong]) == {}
        assert read(stage, ALICE, [wrong, name]).keys() == {name}

    @pytest.mark.parametrize(
        "subject", ["alice' OR '1'='1", "alice\\'; RESET ROLE; --", 'a"b{},\\u0000', "é\u202e" * 50]
    )
    def test_an_askers_name_is_only_a_name(self, stage: ReaderStage, subject: str) -> None:
        mine, hers = Asker(Principal(subject, "acme", agent="o'agent")), stage.put(1, ALICE, "x")
        name = stage.put(2, mine, "y")
        assert read(stage, mine, [name, hers]).keys() == {name}

    def test_a_row_has_the_values_that_the_connector_would_send_and_nothing_masked(self, stage: ReaderStage) -> None:
        name = stage.put(1, ALICE, "x")
        row = read(stage, ALICE, [name])[name]
        assert (row["id"], row["amount"], row["at"]) == (1, "12.30", "2026-11-23T03:00:00.000000Z")
        assert "card" not in row
        assert "4111" not in repr(row)

    def test_several_tables_are_read_at_once(self, stage: ReaderStage) -> None:
        one, two = stage.put(1, ALICE, "x"), stage.put_place("here", 1, ALICE)
        wanted = {f"{stage.schema}.docs": [one], f"{stage.schema}.places": [two]}
        assert stage.reader.read(ALICE, wanted, monotonic() + LONG_S).keys() == {one, two}

    def test_nothing_wanted_is_nothing_found(self, stage: ReaderStage) -> None:
        assert stage.reader.read(ALICE, {}, monotonic() + LONG_S) == {}

    def test_after_the_deadline_nothing_is_read(self, stage: ReaderStage) -> None:
        name = stage.put(1, ALICE, "x")
        with pytest.raises(Unavailable):
            stage.reader.read(ALICE, {f"{stage.schema}.docs": [name]}, monotonic() - 0.001)


class ReaderDouble:
    """Rows in memory. `sees` plays the database's policies; `away` makes it not answer."""

    def __init__(self, sees: Callable[[Asker, SourceRow], bool]) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.away = False
        self.reads: list[dict[str, list[str]]] = []
        self.deadlines: set[float] = set()
        self._sees = sees

    def examine(self) -> None:
        if self.away:
            raise Unavailable("the double")

    def read(self, asker: Asker, wanted: Any, deadline: float) -> dict[str, SourceRow]:
        self.reads.append({table: list(names) for table, names in wanted.items()})
        self.deadlines.add(deadline)
        if self.away or monotonic() >= deadline:
            raise Unavailable("the double")
        names = [name for table in wanted.values() for name in table]
        return {n: dict(self.rows[n]) for n in names if n in self.rows and self._sees(asker, self.rows[n])}

    def close(self) -> None:
        self.away = True


def owned(asker: Asker, row: SourceRow) -> bool:
    """The policy of the suite's tables."""
    who = asker.principal
    cleared = not row.get("secret") or asker.attributes.get("clearance") == "secret"
    return (row["tenant_id"], row["owner"]) == (who.tenant, who.subject) and cleared


class DoubleStage:
    """The stage of the double."""

    schema = SOURCE

    def __init__(self) -> None:
        self.reader = ReaderDouble(owned)

    def put(self, number: int, owner: Asker, body: str, secret: bool = False) -> str:
        who = owner.principal
        (name,) = docs(self, number)
        self.reader.rows[name] = {
            "id": number,
            "tenant_id": who.tenant,
            "owner": who.subject,
            "title": f"Title {number}",
            "body": body,
            "secret": secret,
            "amount": "12.30",
            "at": "2026-11-23T03:00:00.000000Z",
        }
        return name

    def put_place(self, place: str, number: int, owner: Asker) -> str:
        who, key = owner.principal, {"place": place, "number": number}
        name = record_id(SOURCE, f"{SOURCE}.places", key, ["place", "number"])
        self.reader.rows[name] = {**key, "tenant_id": who.tenant, "owner": who.subject, "body": "x"}
        return name

    def delete(self, number: int) -> None:
        del self.reader.rows[docs(self, number)[0]]
