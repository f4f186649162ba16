from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors import validate as validating
from connectors.load import draft
from connectors.mistakes import Mistake
from connectors.partitions import partition_mistakes
from connectors.replica_identity import Table
from connectors.validate import option_mistakes, table_mistakes, validate
from schemas.errors import Unavailable
from schemas.settings import Settings

WriteSource = Callable[..., Path]
COLUMNS = {
    "id": "bigint",
    "note": "text",
    "status": "text",
    "tenant_id": "text",
    "owner": "text",
    "updated_at": "timestamp with time zone",
}
ORDERS = Table(COLUMNS, ("id",), {"public.orders": "d"})
SCORES = replace(ORDERS, columns={**COLUMNS, "status": "real[]"}, untold=frozenset({"status"}))
ROOT = replace(ORDERS, partitioned=True, identities={"public.orders": "d", "public.orders_eu": "d"})


def found(file: Path, real: Table) -> list[tuple[int, str, str, str]]:
    one = draft(file)
    mistakes = table_mistakes(one, "public.orders", one.tables["public.orders"], real)
    return sorted((m.line, m.where.removeprefix("tables.public.orders"), m.what, m.todo) for m in mistakes)


def without(*names: str) -> dict[str, str]:
    return {name: kind for name, kind in COLUMNS.items() if name not in names}


def test_a_table_as_the_contract_says_has_no_mistakes(write_source: WriteSource) -> None:
    assert found(write_source(), ORDERS) == []


def test_a_missing_column_is_told_the_like_one_at_the_line_that_names_it(write_source: WriteSource) -> None:
    real = replace(ORDERS, columns={**without("owner"), "owners": "text"})
    assert found(write_source(), real) == [(12, "", "there is no column 'owner'", "did you mean 'owners'?")]


def test_a_key_that_is_not_the_primary_key_is_a_mistake_in_any_order_it_is_right(
    write_source: WriteSource,
) -> None:
    wrong = replace(ORDERS, primary_key=("tenant_id", "id"))
    assert found(write_source(), wrong) == [(6, ".key", "[id] is not the primary key", "write [tenant_id, id]")]
    assert found(write_source({"key: [id]": "key: [id, tenant_id]"}), wrong) == []


def test_a_table_without_primary_key_is_a_mistake(write_source: WriteSource) -> None:
    real = replace(ORDERS, primary_key=())
    assert found(write_source(), real) == [(6, ".key", "the table has no primary key", "give it one")]


@pytest.mark.parametrize("kind", ["timestamp without time zone", "date", "bigint", "integer"])
def test_times_and_integers_are_event_times(write_source: WriteSource, kind: str) -> None:
    assert found(write_source(), replace(ORDERS, columns={**COLUMNS, "updated_at": kind})) == []


@pytest.mark.parametrize("kind", ["text", "time without time zone", "boolean", "numeric", "interval"])
def test_other_types_are_no_event_times(write_source: WriteSource, kind: str) -> None:
    [(line, where, what, _)] = found(write_source(), replace(ORDERS, columns={**COLUMNS, "updated_at": kind}))
    assert (line, where) == (7, ".event_time")
    assert kind in what


def test_a_table_that_logs_no_keys_is_a_mistake(write_source: WriteSource) -> None:
    [(_, _, what, todo)] = found(write_source(), replace(ORDERS, identities={"public.orders": "n"}))
    assert what == "its updates and deletes are not logged"
    assert todo == "ALTER TABLE public.orders REPLICA IDENTITY DEFAULT"


def test_a_used_column_whose_large_values_come_as_null_needs_the_whole_row_logged(write_source: WriteSource) -> None:
    what = "an unchanged large value of 'status' (real[]) is not logged and comes as null"
    todo = "ALTER TABLE public.orders REPLICA IDENTITY FULL"
    assert found(write_source(), SCORES) == [(5, "", what, todo)]
    assert found(write_source(), replace(SCORES, identities={"public.orders": "f"})) == []


def test_a_column_that_no_rule_uses_may_come_as_null(write_source: WriteSource) -> None:
    assert found(write_source({"    metadata: [status]\n": ""}), SCORES) == []
    assert found(write_source({"metadata: [status]": "mask: [status]"}), SCORES) == []


def test_a_required_column_that_would_stop_the_connector_is_logged_whole_or_left_out(write_source: WriteSource) -> None:
    real = replace(SCORES, required=frozenset({"id", "status"}))
    unused = {"    metadata: [status]\n": ""}
    [(_, _, what, todo)] = found(write_source(unused), real)
    assert what == "an unchanged large value of 'status' (real[] NOT NULL) stops the connector"
    assert todo.endswith("REPLICA IDENTITY FULL, or name it in column.exclude.list")
    for option, pattern in (("column.exclude.list", ".*status"), ("column.include.list", "public.orders.(?!status).*")):
        assert found(write_source(unused, {option: pattern}), real) == []


def test_every_partition_must_log_the_whole_row(write_source: WriteSource) -> None:
    identities = {"public.orders": "f", "public.orders_eu": "f", 'public."orders US"': "d", "public.orders_x": "d"}
    [(_, _, _, todo)] = found(write_source(), replace(SCORES, identities=identities))
    assert todo == (
        'ALTER TABLE public."orders US" REPLICA IDENTITY FULL; ALTER TABLE public.orders_x REPLICA IDENTITY FULL'
    )


def test_an_index_that_lacks_part_of_the_key_is_not_enough_for_deletes(write_source: WriteSource) -> None:
    [(_, _, what, todo)] = found(write_source(), replace(ORDERS, identities={"public.orders": "i"}))
    assert what == "its deletes are logged by an index without the whole primary key"
    assert todo == "ALTER TABLE public.orders REPLICA IDENTITY DEFAULT"


def parted(file: Path, real: dict[str, Table], by_leaf: set[str]) -> list[tuple[str, str]]:
    return [(m.where, m.todo) for m in partition_mistakes(draft(file), real, by_leaf)]


def test_rows_of_a_partitioned_table_come_under_its_name_by_default(write_source: WriteSource) -> None:
    assert parted(write_source(), {"public.orders": ROOT}, set()) == []
    off = write_source(options={"publish.via.partition.root": "false"})
    todo = 'make "publish.via.partition.root" "true" in the configuration, or leave it out'
    assert parted(off, {"public.orders": ROOT}, set()) == [("tables.public.orders", todo)]
    assert parted(off, {"public.orders": ORDERS}, set()) == []


def test_a_publication_made_before_that_default_must_be_altered(write_source: WriteSource) -> None:
    [(where, todo)] = parted(write_source(), {"public.orders": ROOT}, {"freshline_shop", "other"})
    assert where == "tables.public.orders"
    assert 'ALTER PUBLICATION "freshline_shop" SET (publish_via_partition_root = true)' in todo
    assert parted(write_source(), {"public.orders": ORDERS}, {"freshline_shop"}) == []
    assert parted(write_source(), {"public.orders": ROOT}, {"other"}) == []


def test_a_table_and_its_own_partition_in_one_contract_are_a_mistake(write_source: WriteSource) -> None:
    leaf = Table({}, ("team", "email"), {"public.orders_eu": "d"})
    [(where, _)] = parted(write_source(), {"public.orders": ROOT, "public.members": leaf}, set())
    assert where == "tables.public.members"
    other = replace(leaf, identities={"public.members": "d"})
    assert parted(write_source(), {"public.orders": ROOT, "public.members": other}, set()) == []


def test_connects_findings_stand_at_the_lines_of_their_options(write_source: WriteSource) -> None:
    one = draft(write_source())
    mistakes = option_mistakes(one, {"database.hostname": ["is invalid."], "slot.name": ["is empty"]})
    assert [(m.line, m.where, m.what, m.todo) for m in mistakes] == [
        (3, "database.hostname", "is invalid", "see what ${env:SHOP_HOST} is in the Kafka Connect worker"),
        (0, "slot.name", "is empty", "correct it"),
    ]


def test_what_was_found_offline_is_not_repeated_by_connect(write_source: WriteSource) -> None:
    one = draft(write_source(options={"topic.prefix": "store"}))
    assert list(option_mistakes(one, {"topic.prefix": ["is odd"]})) == []


def test_a_failure_to_connect_names_every_reference_that_may_be_wrong(write_source: WriteSource) -> None:
    one = draft(write_source(options={"database.port": "${env:SHOP_PORT}", "database.user": "shop"}))
    what = "Error while validating connector config: the connection attempt failed."
    [mistake] = option_mistakes(one, {"database.hostname": [what]})
    names = "${env:SHOP_HOST}, ${env:SHOP_PASSWORD}, ${env:SHOP_PORT}"
    assert mistake.todo == f"see what {names} are in the Kafka Connect worker"


def test_a_table_with_a_wrong_field_is_still_compared_with_the_database(write_source: WriteSource) -> None:
    file = write_source({"    metadata: [status]": "    metadata: [statis]\n    titel: x"})
    wrong = replace(
        ORDERS, primary_key=("note",), columns={**COLUMNS, "updated_at": "text"}, identities={"public.orders": "n"}
    )
    assert [where for _, where, _, _ in found(file, wrong)] == ["", ".key", ".event_time", ""]


def test_what_is_away_is_named_beside_the_mistakes_of_files(
    write_source: WriteSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> list[Mistake]:
        raise Unavailable("PostgreSQL", "nobody listens")

    monkeypatch.setattr(validating, "_against_database", away)
    monkeypatch.setattr(validating, "_against_connect", lambda *_: [])
    write_source({"slo: 2s": "slo: soon"})
    mistakes = validate(tmp_path, Settings(), online=True)
    assert [m.what.split(":")[0] for m in mistakes] == [
        "not checked",
        "'soon' is not a duration; write for example 250ms, 2s, 15m, 36h or 7d",
    ]
    write_source()
    with pytest.raises(Unavailable):
        validate(tmp_path, Settings(), online=True)


def test_offline_validation_lists_the_mistakes_of_all_files_and_touches_no_network(
    write_source: WriteSource, tmp_path: Path
) -> None:
    write_source({"slo: 2s": "slo: soon"})
    (tmp_path / "broken.yaml").write_text("a: [")
    mistakes = validate(tmp_path, Settings(), online=False)
    assert [(m.file.name, m.line) for m in mistakes] == [("broken.yaml", 1), ("shop.yaml", 3)]


def test_a_folder_without_contracts_is_a_mistake(tmp_path: Path) -> None:
    assert [m.what for m in validate(tmp_path, Settings(), online=False)] == ["there is no contract here"]
