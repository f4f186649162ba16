"""What is held of each type, against what Debezium really wrote of an unchanged large value of it."""

import pytest
from recorded_kinds import row

from connectors.replica_identity import untold
from schemas.template import unavailable

RECORDED: dict[tuple[str, str], str] = {
    ("toast", "notes"): "body text, data bytea, words text[], extra jsonb, tags hstore",
    ("toast_arrays", "arrays"): (
        "ints int4[], bigs int8[], floats float8[], flags bool[], numbers numeric[], uuids uuid[], days date[], "
        "moments timestamptz[]"
    ),
    ("toast_others", "others"): (
        "a_char bpchar, a_citext citext, an_essay text, a_json json, an_xml xml, a_tsvector tsvector, an_ltree ltree, "
        "a_numeric numeric, bits varbit, fixed_bits bit, a_range numrange, smalls int2[], oids oid[], chars bpchar[], "
        "varchars varchar[], moods mood[], jsons jsonb[], plain_jsons json[], addresses inet[], ranges numrange[], "
        "citexts citext[], ltrees ltree[], byteas bytea[], hstores hstore[], sparse bool[], times time[], "
        "timetzs timetz[], stamps timestamp[], reals float4[], matrix int4[]"
    ),
}
"""Kind and table -> its columns and what their types come down to, as infra/recorder/kinds makes them."""
COLUMNS = [(kind, table, *column.split()) for (kind, table), text in RECORDED.items() for column in text.split(", ")]


@pytest.mark.parametrize(("kind", "table", "column", "written"), COLUMNS, ids=lambda part: part)
def test_a_type_is_untold_where_debezium_wrote_null_for_an_unchanged_value(
    kind: str, table: str, column: str, written: str
) -> None:
    inserted, updated = (row(f"{kind}.plain", table, number)[column] for number in (0, 1))
    assert inserted is not None
    assert (updated is None) is not unavailable(updated)
    assert untold(written.removesuffix("[]"), written.endswith("[]"), large=True) is (updated is None)


@pytest.mark.parametrize(("kind", "table"), RECORDED)
def test_reselecting_brings_none_of_the_untold(kind: str, table: str) -> None:
    for _, _, column, written in (each for each in COLUMNS if each[:2] == (kind, table)):
        if untold(written.removesuffix("[]"), written.endswith("[]"), large=True):
            assert row(f"{kind}.reselect", table, 1)[column] is None


def test_what_is_never_stored_out_of_line_is_always_told() -> None:
    assert not untold("point", array=False, large=False)
    assert untold("path", array=False, large=True)
