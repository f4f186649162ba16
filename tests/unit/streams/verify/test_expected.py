"""Keys come back out of record ids, whatever their type; a column whose value is not sure leaves its row unjudged."""

from typing import Any

import pytest
from stream_stage import CONTRACT, TOPIC

from connectors.rows.values import Kind
from index.hash_embedder import HashEmbedder
from streams.indexing import passages_of
from streams.intake import Table
from streams.verify.expected import Expecting
from streams.verify.rows import DbRow

TICKETS = "helpdesk.tickets"


def expecting(key: Kind, **kinds: Kind) -> Expecting:
    columns = ("tenant_id", "subject", "body", "status", "owner", "team", "excluded", "region", "updated_at")
    known = {**dict.fromkeys(columns, Kind("text")), **kinds, "id": key}
    return Expecting(
        TOPIC, Table("helpdesk", TICKETS, CONTRACT.tables[TICKETS]), known, passages_of(HashEmbedder()), 100
    )


def row(key: str, **values: Any) -> DbRow:
    columns = {"tenant_id": "acme", "subject": "S", "body": "B", "status": "open", "owner": "ann", "team": "7"}
    columns |= {"excluded": None, "region": "eu", "updated_at": None}
    return DbRow((key,), {**columns, **values, "id": key}, "1", None)


@pytest.mark.parametrize(
    ("kind", "text", "again"),
    [
        (Kind("int4"), "42", "42"),
        (Kind("text"), "a/b,c%d é", "a/b,c%d é"),
        (Kind("uuid"), "0e37df36-f698-11e6-8dd4-cb9ced3df976", "0e37df36-f698-11e6-8dd4-cb9ced3df976"),
        (Kind("numeric", ((10 << 16) | 2) + 4), "1.50", "1.50"),
        (Kind("bool"), "t", "True"),
        (Kind("bytea"), "\\x00ff", "\\x00ff"),
        (Kind("date"), "2026-11-23", "2026-11-23"),
        (Kind("timestamp"), "2026-11-23 01:02:03.5", "2026-11-23T01:02:03.5"),
        (Kind("timestamptz"), "2026-11-23 10:34:56.12345+00", "2026-11-23T10:34:56.123450Z"),
        (Kind("bpchar", 8), "ab  ", "ab  "),
        (Kind("mood", enum=True), "ok", "ok"),
    ],
    ids=str,
)
def test_a_key_is_found_again_in_the_record_id(kind: Kind, text: str, again: str) -> None:
    table = expecting(kind)
    assert table.key_in(table.of(row(text)).record_id) == (again,)


@pytest.mark.parametrize("name", ["helpdesk/helpdesk.tickets/1,2", "helpdesk/helpdesk.tickets/%00"])
def test_what_is_no_key_of_the_table_is_none(name: str) -> None:
    assert expecting(Kind("int4")).key_in(name) is None
    assert expecting(Kind("bytea")).key_in("helpdesk/helpdesk.tickets/a") is None


def test_a_value_that_is_not_sure_leaves_its_row_unjudged() -> None:
    found = expecting(Kind("int4"), status=Kind("name")).of(row("1"))
    assert (found.record_id, found.change) == ("helpdesk/helpdesk.tickets/1", None)
    assert "name" in found.unsure


def test_a_column_the_connector_does_not_send_is_missing_as_for_the_stream_job() -> None:
    found = expecting(Kind("int4"), status=Kind("box")).of(row("1"))
    assert found.rejected is not None
    assert found.rejected.reason == "missing_column"
