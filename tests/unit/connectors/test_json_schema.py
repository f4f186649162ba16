import json
import re
from pathlib import Path
from typing import Any

import connectors.json_schema
from connectors.json_schema import json_schema_text, write_json_schema

COMMITTED = Path(connectors.json_schema.__file__).with_name("contract.schema.json")


def test_the_committed_schema_is_up_to_date(tmp_path: Path) -> None:
    write_json_schema(tmp_path / "schema.json")
    assert (tmp_path / "schema.json").read_text() == COMMITTED.read_text(), "generate it again: see json_schema.py"


def test_durations_are_text_with_a_unit_for_editors() -> None:
    written = _schema()["$defs"]["Freshness"]["properties"]["half_life"]["anyOf"]
    [pattern] = [choice["pattern"] for choice in written if choice["type"] == "string"]
    assert [bool(re.search(pattern, text)) for text in ("7d", "250ms", "1.5h", "soon", "7 days")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_templates_are_plain_text_and_one_relation_needs_no_list() -> None:
    table = _schema()["$defs"]["TableContract"]["properties"]
    assert {"type": "string"} in table["text"]["anyOf"]
    assert {"$ref": "#/$defs/RelationRule"} in table["relation"]["anyOf"]


def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(json_schema_text())
    return schema
