"""The JSON Schema of contracts, for editors: completion and red lines while a contract is written."""

import json
from pathlib import Path

from schemas.contract import json_schema


def json_schema_text() -> str:
    """The schema as it stands in `connectors/contract.schema.json`."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **json_schema()}
    return json.dumps(schema, indent=2) + "\n"


def write_json_schema(path: Path) -> None:
    """Write the schema; idempotent."""
    path.write_text(json_schema_text(), encoding="utf-8")
