"""What is known of an asker, a request and a record, as Cedar data. Never as Cedar text, so nothing can be injected."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Any

import orjson

from query.asker import Asker, Circumstances
from query.policies.vocabulary import GROUP, OF_RECORDS
from schemas.label import Label

ASKER = 'User::"asker"'
ACTIONS = [
    {"uid": {"type": "Action", "id": name}, "attrs": {}, "parents": [{"type": "Action", "id": GROUP}]}
    for name in OF_RECORDS
]
"""For where no schema tells which operations are in the group."""
SERVICE = {"type": "Service", "id": "freshline"}
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """Of one record that is about to leave. `event_ms` since 1970, UTC; `metadata` as the index has it."""

    label: Label
    source: str
    table: str
    event_ms: int
    metadata: Mapping[str, Any] = field(default_factory=dict)


def asker_entity(asker: Asker, vouched: Collection[str]) -> dict[str, Any]:
    """Attributes that are not vouched for are left out: no policy can speak of them."""
    who = asker.principal
    attributes = {name: value for name, value in asker.attributes.items() if name in vouched}
    attrs = {"subject": who.subject, "tenant": who.tenant, "agent": who.agent, "attributes": attributes}
    return {"uid": {"type": "User", "id": "asker"}, "attrs": attrs, "parents": []}


def context(circumstances: Circumstances) -> dict[str, Any]:
    """Raises ValueError for a network address that is none, or a time no 64 bits hold. UTC; weekday 1 is Monday."""
    at = circumstances.at_ms
    if not -(2**63) <= at < 2**63:
        raise ValueError("the time is beyond any calendar")
    found: dict[str, Any] = {
        "purpose": circumstances.purpose,
        "at": _moment(at),
        "hour": at // 3_600_000 % 24,
        "weekday": (at // DAY_MS + 3) % 7 + 1,
    }
    if circumstances.address:
        found["address"] = {"__extn": {"fn": "ip", "arg": _address(circumstances.address)}}
    return found


def record_entity(
    record: RecordFacts, attributes: Mapping[str, str], number: int, at_ms: int, metadata: Collection[str]
) -> dict[str, Any]:
    """The record as Record::"<number>". Metadata that no contract declares is left out."""
    told = {name: record.metadata[name] for name in metadata if record.metadata.get(name) is not None}
    attrs = {
        "tenant": record.label.tenant,
        "source": record.source,
        "table": record.table,
        "event_at": _moment(record.event_ms),
        "age": {"__extn": {"fn": "duration", "arg": f"{at_ms - record.event_ms}ms"}},
        "attributes": dict(attributes),
        "metadata": {name: value if isinstance(value, str) else _text(value) for name, value in told.items()},
    }
    return {"uid": {"type": "Record", "id": str(number)}, "attrs": attrs, "parents": []}


def _text(value: Any) -> str:
    """As JSON writes it: 5 is "5", true is "true"."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _moment(ms: int) -> dict[str, Any]:
    """Built from its parts, because Cedar's text for a time cannot hold every year that milliseconds can."""
    epoch = {"__extn": {"fn": "datetime", "arg": "1970-01-01"}}
    return {"__extn": {"fn": "offset", "args": [epoch, {"__extn": {"fn": "duration", "arg": f"{ms}ms"}}]}}


def _address(text: str) -> str:
    """Its one spelling: an IPv4 address within IPv6 is that IPv4 address, and an interface's name is left out."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
