"""What a policy may speak of: the Cedar schema, derived from the source contracts so that the two cannot differ."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import cedarpy

from schemas.contract import Contract

OF_RECORDS = ("search", "get", "explain")
"""Operations about records. Their resource is a Record; they are in the action group `read`."""
OF_SERVICE = ("freshness", "decide", "audit")
"""Operations about no record in particular. Their resource is the Service."""
GROUP = "read"
LABEL_FACTS = frozenset({"tenant", "source", "attributes"})
"""Facts of a record that can be decided before the search; all others are known of a hit only."""

_STRING, _LONG = {"type": "String"}, {"type": "Long"}
_DATETIME, _DURATION, _IP = ({"type": "Extension", "name": name} for name in ("datetime", "duration", "ipaddr"))

Words = Mapping[str, "Words"]
"""Attribute -> what may follow it."""


@dataclass(frozen=True)
class Vocabulary:
    """Names of attributes: of records' labels, of records' metadata, and those that identities vouch for.

    Every one of them is an optional string: a row may have null there, a token may not say it.
    """

    attributes: frozenset[str] = frozenset()
    metadata: frozenset[str] = frozenset()
    vouched: frozenset[str] = frozenset()

    @classmethod
    def of(cls, contracts: Iterable[Contract], vouched: Iterable[str] = ()) -> Self:
        tables = [table for contract in contracts for table in contract.record_tables().values()]
        return cls(
            frozenset(name for table in tables if table.permissions for name in table.permissions.attributes),
            frozenset(name for table in tables for name in table.metadata),
            frozenset(vouched),
        )

    @cached_property
    def schema(self) -> cedarpy.Schema:
        return cedarpy.Schema.from_json_str(json.dumps({"": self._namespace()}))

    @cached_property
    def words(self) -> Mapping[str, Words]:
        """Variable of a policy -> what may follow it, as the schema has it."""
        namespace = self._namespace()
        shapes = {"principal": namespace["entityTypes"]["User"], "resource": namespace["entityTypes"]["Record"]}
        context = namespace["actions"]["search"]["appliesTo"]["context"]
        return {
            "action": {},
            "context": _words(context),
            **{var: _words(kind["shape"]) for var, kind in shapes.items()},
        }

    def schema_text(self) -> str:
        """The schema in Cedar's own language, for editors and for people."""
        return str(self.schema).replace("__cedar::", "")

    def _namespace(self) -> dict[str, Any]:
        user = {"subject": _STRING, "tenant": _STRING, "agent": _STRING, "attributes": _strings(self.vouched)}
        record = {"tenant": _STRING, "source": _STRING, "table": _STRING, "event_at": _DATETIME, "age": _DURATION}
        record |= {"attributes": _strings(self.attributes), "metadata": _strings(self.metadata)}
        context: dict[str, Any] = {"purpose": _STRING, "at": _DATETIME, "hour": _LONG, "weekday": _LONG}
        context["address"] = {**_IP, "required": False}
        group: dict[str, Any] = {"memberOf": [{"id": GROUP}]}
        actions: dict[str, Any] = {GROUP: {}}
        actions |= {name: {**group, "appliesTo": _applies("Record", context)} for name in OF_RECORDS}
        actions |= {name: {"appliesTo": _applies("Service", context)} for name in OF_SERVICE}
        types = {"User": {"shape": _record(user)}, "Record": {"shape": _record(record)}, "Service": {}}
        return {"entityTypes": types, "actions": actions}


def _record(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "Record", "attributes": dict(attributes)}


def _strings(names: Iterable[str]) -> dict[str, Any]:
    return _record({name: {**_STRING, "required": False} for name in sorted(names)})


def _applies(resource: str, context: Mapping[str, Any]) -> dict[str, Any]:
    return {"principalTypes": ["User"], "resourceTypes": [resource], "context": _record(context)}


def _words(shape: Mapping[str, Any]) -> Words:
    return {name: _words(kind) for name, kind in shape.get("attributes", {}).items()}
