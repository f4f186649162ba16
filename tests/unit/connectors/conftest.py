"""A right contract with its right configuration, to be broken one way at a time."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

CONTRACT = """\
source: shop
connector: {plugin: postgres, config: shop.debezium.json}
freshness: {slo: 2s, half_life: 7d}
tables:
  public.orders:
    key: [id]
    event_time: updated_at
    text: "{note}"
    metadata: [status]
    permissions:
      tenant: "{tenant_id}"
      readers: ["user:{owner}"]
  public.members:
    key: [team, email]
    relation: {tenant: "{tenant_id}", object: "team:{team}", relation: member, subject: "user:{email}"}
"""

CONFIG: Mapping[str, str] = {
    "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
    "database.hostname": "${env:SHOP_HOST}",
    "database.password": "${env:SHOP_PASSWORD}",
    "topic.prefix": "shop",
    "table.include.list": "public.orders,public\\.members",
    "heartbeat.interval.ms": "500",
    "heartbeat.action.query": "SELECT pg_logical_emit_message(true, 'freshline.shop', '')",
}

WriteSource = Callable[..., Path]


@pytest.fixture
def write_source(tmp_path: Path) -> WriteSource:
    """Write a source's two files and return the contract's path. `replace` changes the contract's text;
    `options` are set in the configuration, those with None are left out."""

    def write(
        replace: Mapping[str, str] | None = None,
        options: Mapping[str, object] | None = None,
        name: str = "shop",
    ) -> Path:
        text = CONTRACT
        for old, new in (replace or {}).items():
            assert old in text, f"{old!r} is not in the contract"
            text = text.replace(old, new)
        config = {k: v for k, v in {**CONFIG, **(options or {})}.items() if v is not None}
        (tmp_path / "shop.debezium.json").write_text(json.dumps(config, indent=2))
        file = tmp_path / f"{name}.yaml"
        file.write_text(text)
        return file

    return write
