"""Masked columns are dropped by the connector itself: neither the raw topics nor dead letters ever hold them."""

import json
from pathlib import Path

import pytest

from connectors.debezium import effective, without_masked
from connectors.load import draft, load_file

OPTION = "column.exclude.list"
BEAT = "SELECT pg_logical_emit_message(true, 'freshline.shop', '')"


def write(folder: Path, options: dict[str, str]) -> Path:
    given = {"heartbeat.interval.ms": "1000", "heartbeat.action.query": BEAT, **options}
    (folder / "shop.json").write_text(json.dumps(given))
    file = folder / "shop.yaml"
    file.write_text(
        """source: shop
connector: {plugin: postgres, config: shop.json}
tables:
  public.orders:
    key: [id]
    text: "{note}"
    mask: [card, iban.nr]
    permissions: {tenant: acme, readers: ["user:{owner}"]}
"""
    )
    return file


def mistakes(folder: Path, **options: str) -> list[str]:
    found = draft(write(folder, {name.replace("_", "."): value for name, value in options.items()}))
    return [mistake.what for mistake in found.mistakes]


@pytest.mark.parametrize(
    ("listed", "excluded"),
    [
        ("", "public\\.orders\\.card,public\\.orders\\.iban\\.nr"),
        ("public.users.pin", "public.users.pin,public\\.orders\\.card,public\\.orders\\.iban\\.nr"),
        ("public.orders.(card|iban.*)", "public.orders.(card|iban.*)"),
    ],
    ids=["nothing listed", "others listed", "listed already"],
)
def test_the_connector_drops_what_the_contract_masks(tmp_path: Path, listed: str, excluded: str) -> None:
    options = {OPTION: listed} if listed else {}
    file = write(tmp_path, options)
    assert effective(load_file(file), options)[OPTION] == excluded
    assert draft(file).options[OPTION] == excluded


def test_without_masks_no_list_is_made() -> None:
    assert without_masked({"a": "b"}, []) == {"a": "b"}


def test_a_list_of_what_is_sent_must_leave_out_the_masked_and_stays_the_only_list(tmp_path: Path) -> None:
    right, wrong = "public.orders.(id|note|owner)", "public.orders.(id|note|owner|card)"
    assert mistakes(tmp_path, column_include_list=right) == []
    assert mistakes(tmp_path, column_include_list=wrong) == ["sends public.orders.card, which the contract masks"]
    assert OPTION not in without_masked({"column.include.list": right}, ["public.orders.card"])


def test_a_masked_column_may_be_dropped_by_the_file_and_a_used_one_not(tmp_path: Path) -> None:
    assert mistakes(tmp_path, column_exclude_list="public.orders.card") == []
    assert mistakes(tmp_path, column_exclude_list="public.orders.(card|note)") == [
        "leaves out public.orders.note, which the contract uses"
    ]
