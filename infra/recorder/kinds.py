"""The kinds of change to record: one SQL file each, performed in a schema of the same name.

-- connectors: plain schemas    which of CONNECTORS capture it: a file of recorded messages each
-- quiet: 3                     optional: how many seconds without a message end it (signals work on their own)
-- control                      optional: keep heartbeats, logical messages and transaction boundaries too
CREATE TABLE …                  before the connectors start, with the rows of their snapshot
-- changes
INSERT …                        then each paragraph, as one transaction
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER = Path(__file__).parent / "kinds"
QUIET_SECONDS = 1.0

SIGNALS: Final = "signals.signals"
MARK: Final = "recorder.mark"
"""With the kind's name, the prefix of the logical message that tells its end."""

_ROUTER: Mapping[str, str] = json.loads((Path(__file__).parent / "router.json").read_text())
"""What connectors/outbox.py makes of this outbox; a test compares."""
_ISO = {"time.precision.mode": "isostring"}

CONNECTORS: Final[Mapping[str, Mapping[str, str]]] = {
    "plain": {**_ISO, "signal.data.collection": SIGNALS, "incremental.snapshot.chunk.size": "3"},
    "beats": {
        **_ISO,
        "heartbeat.interval.ms": "200",
        "heartbeat.action.query": "SELECT pg_logical_emit_message(true, 'freshline.recorder_beats', '')",
    },
    "reselect": {
        **_ISO,
        "post.processors": "reselector",
        "post.processors.reselector.type": "io.debezium.processors.reselect.ReselectColumnsPostProcessor",
        "post.processors.reselector.reselect.unavailable.values": "true",
        "post.processors.reselector.reselect.null.values": "false",
    },
    "adaptive": {"time.precision.mode": "adaptive"},
    "connect": {"time.precision.mode": "connect", "decimal.handling.mode": "double"},
    "maps": {**_ISO, "hstore.handling.mode": "map", "binary.handling.mode": "hex", "interval.handling.mode": "string"},
    "schemas": {**_ISO, "key.converter.schemas.enable": "true", "value.converter.schemas.enable": "true"},
    "roots": {**_ISO, "publish.via.partition.root": "true"},
    "outbox": {**_ISO, **_ROUTER},
}
"""Connector -> its options beside those they all have. Recorded topics begin with `recorder_<connector>`."""


@dataclass(frozen=True)
class Kind:
    """`tables` is run before the connectors start; `changes` one after the other, each a transaction."""

    name: str
    connectors: tuple[str, ...]
    quiet: float
    control: bool
    tables: str
    changes: tuple[str, ...]


def all_kinds() -> list[Kind]:
    """Every kind, by name."""
    return [_parsed(file.stem, file.read_text()) for file in sorted(FOLDER.glob("*.sql"))]


def topic_prefix(connector: str) -> str:
    """What the names of all topics of a connector begin with, and its own name."""
    return f"recorder_{connector}"


def _parsed(name: str, text: str) -> Kind:
    tables, _, changes = text.partition("-- changes\n")
    head = dict(line[3:].partition(": ")[::2] for line in tables.splitlines() if line.startswith("-- "))
    return Kind(
        name=name,
        connectors=tuple(head["connectors"].split()),
        quiet=float(head.get("quiet", QUIET_SECONDS)),
        control="control" in head,
        tables=tables,
        changes=tuple(part.strip() for part in changes.split("\n\n") if part.strip()),
    )
