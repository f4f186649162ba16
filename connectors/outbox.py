"""Outbox tables at the connector: Debezium's outbox router, set up from the contract, and what contradicts it.

The router turns each event into a message keyed by its aggregate id, on the topic `<source>.<table>.<aggregate type>`.
It would stop the connector at tombstones, truncates and odd aggregate types, and it loses where in the source's log
an event stands. So before it the position goes into headers and what holds no row goes away, and after it what no
contract names. Nothing of other tables, of heartbeats or of transaction boundaries is touched.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from connectors.config_file import ConfigFile
from connectors.mistakes import Mistake
from connectors.sketch import Sketch, names_in, sketch
from schemas.contract import Outbox, OutboxColumns, twofold
from schemas.topics import OUTBOX_TYPE, raw_topic

OURS: Final = "freshline_"
"""What the names of our transforms and predicates begin with."""
_KAFKA, _DEBEZIUM = "org.apache.kafka.connect.transforms", "io.debezium.transforms"
_JSON = "org.apache.kafka.connect.json.JsonConverter"

Step = tuple[str, str, str, Mapping[str, str]]
"""A transform's name, type, predicate and options."""


@dataclass(frozen=True)
class OutboxSketch:
    """An outbox of a contract as far as it can be read, right or wrong. `columns`: the router's name -> the table's."""

    columns: Mapping[str, str] = field(default_factory=lambda: OutboxColumns().model_dump())
    aggregates: Mapping[str, Sketch] = field(default_factory=dict)
    contradictions: tuple[tuple[str, str], ...] = ()
    """What an aggregate's fields say against each other: its name, and the words."""


NO_OUTBOXES: Final[Mapping[str, OutboxSketch]] = MappingProxyType({})


def sketch_outbox(data: Any) -> OutboxSketch:
    """Read an outbox of a YAML document. Never raises."""
    if not isinstance(data, dict):
        return OutboxSketch()
    written, inside = data.get("columns"), data.get("aggregates")
    columns = OutboxColumns().model_dump()
    if isinstance(written, dict):
        columns |= {role: name for role, name in written.items() if role in columns and isinstance(name, str)}
    aggregates = {str(name): each for name, each in inside.items()} if isinstance(inside, dict) else {}
    sketches = {name: sketch({"key": ["aggregateid"], **each}) for name, each in aggregates.items() if _is_dict(each)}
    said = [(name, what) for name, each in sketches.items() for what in each.contradictions]
    for name in sketches:
        types = (names_in(aggregates[name].get(kind)) for kind in ("upserts", "deletes", "ignored"))
        said += [(name, what) for what in twofold(types)]
    return OutboxSketch(columns, sketches, tuple(said))


def sketches(outboxes: Mapping[str, Outbox]) -> dict[str, OutboxSketch]:
    """The outboxes of a right contract."""
    return {name: sketch_outbox(outbox.model_dump(mode="json")) for name, outbox in outboxes.items()}


def with_router(
    source: str, tables: list[str], outboxes: Mapping[str, OutboxSketch], options: Mapping[str, str]
) -> dict[str, str]:
    """The options, with the router for the outboxes; as they are where there is none.

    A snapshot leaves outboxes out, unless the options say otherwise: what one holds is history in no known order.
    """
    if not outboxes:
        return dict(options)
    topics = {name: raw_topic(source, name) for name in outboxes}
    steps = list(_steps(topics, outboxes))
    done = dict(options)
    done["transforms"] = _listed(options.get("transforms", ""), (name for name, *_ in steps))
    for name, kind, predicate, more in steps:
        done |= {f"transforms.{name}.type": kind, f"transforms.{name}.predicate": predicate}
        done |= {f"transforms.{name}.{option}": value for option, value in more.items()}
    predicates = dict(_predicates(topics))
    done["predicates"] = _listed(options.get("predicates", ""), predicates)
    for name, pattern in predicates.items():
        done[f"predicates.{name}.type"] = (
            f"{_KAFKA}.predicates.{'TopicNameMatches' if pattern else 'RecordIsTombstone'}"
        )
        if pattern:
            done[f"predicates.{name}.pattern"] = pattern
    defaults = {"header.converter": _JSON, "header.converter.schemas.enable": "false"}
    if tables:
        defaults["snapshot.include.collection.list"] = ",".join(re.escape(table) for table in tables)
    else:
        defaults["snapshot.mode"] = "no_data"
    return {**defaults, **done}


def _steps(topics: Mapping[str, str], outboxes: Mapping[str, OutboxSketch]) -> Iterator[Step]:
    """The transforms, in order. A topic's name with a dot after it is where goes what `rest` takes away."""
    outbox, empty = f"{OURS}outbox", f"{OURS}empty"
    away = {"regex": f"^({_any(topics)})$", "replacement": "$1."}
    place = {"fields": "source,transaction,op,ts_ms", "headers": "source,transaction,op,ts_ms", "operation": "copy"}
    again = {"fields": "op,ts_ms,source", "headers": "op,ts_ms,source", "operation": "copy"}
    yield f"{OURS}tombstones", f"{_KAFKA}.RegexRouter", empty, away
    yield f"{OURS}place", f"{_KAFKA}.HeaderFrom$Value", outbox, place
    yield f"{OURS}row", f"{_KAFKA}.ExtractField$Value", outbox, {"field": "after"}
    yield f"{OURS}rowless", f"{_KAFKA}.RegexRouter", empty, away  # deletes and truncates: the router fails at these
    yield f"{OURS}after", f"{_KAFKA}.HoistField$Value", outbox, {"field": "after"}
    yield f"{OURS}again", f"{_DEBEZIUM}.HeaderToValue", outbox, again
    yield f"{OURS}envelope", f"{_KAFKA}.SetSchemaMetadata$Value", outbox, {"schema.name": "freshline.outbox.Envelope"}
    for number, (name, each) in enumerate(outboxes.items()):
        route = _route(topics[name], each)
        yield f"{OURS}route_{number}", f"{_DEBEZIUM}.outbox.EventRouter", f"{OURS}outbox_{number}", route
    yield f"{OURS}rest", f"{_KAFKA}.Filter", f"{OURS}rest", {}


def _route(topic: str, outbox: OutboxSketch) -> dict[str, str]:
    """An aggregate type that no contract names goes to the topic with nothing after the dot."""
    return {
        "table.field.event.id": outbox.columns["id"],
        "table.field.event.key": outbox.columns["aggregateid"],
        "table.field.event.payload": outbox.columns["payload"],
        "table.fields.additional.placement": f"{outbox.columns['type']}:header:{OUTBOX_TYPE}",
        "table.expand.json.payload": "false",  # text keeps nulls and numbers as they were written
        "route.by.field": outbox.columns["aggregatetype"],
        "route.topic.regex": rf"(?s)\A(?:({'|'.join(map(re.escape, outbox.aggregates))})|.*)\z",
        "route.topic.replacement": f"{topic}.$1",
        "route.tombstone.on.empty.payload": "true",
    }


def _predicates(topics: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Name -> the topics it matches; the one without any matches what has no value."""
    yield f"{OURS}outbox", _any(topics)
    for number, topic in enumerate(topics.values()):
        yield f"{OURS}outbox_{number}", re.escape(topic)
    yield f"{OURS}empty", ""
    yield f"{OURS}rest", rf"({_any(topics)})\."


def check_router(outboxes: Mapping[str, OutboxSketch], config: ConfigFile) -> Iterator[Mistake]:
    """What in a configuration would break the router."""
    for option in config.options if outboxes else ():
        if option.startswith((f"transforms.{OURS}", f"predicates.{OURS}")):
            yield config.mistake(option, "is made from the contract's outboxes", "leave it out")
    for option in ("transforms", "predicates") if outboxes else ():
        if any(name.strip().startswith(OURS) for name in config.options.get(option, "").split(",")):
            todo = f"leave out the names that begin with {OURS}"
            yield config.mistake(option, "names what is made from the contract's outboxes", todo)
    if outboxes and config.options.get("header.converter", _JSON) != _JSON:
        what, todo = "is not the JSON converter", f"make it {_JSON!r} or leave it out: positions of events are headers"
        yield config.mistake("header.converter", what, todo)


def _any(topics: Mapping[str, str]) -> str:
    return "|".join(re.escape(topic) for topic in topics.values())


def _listed(written: str, more: Any) -> str:
    return ",".join([*filter(None, (name.strip() for name in written.split(","))), *more])


def _is_dict(data: object) -> bool:
    return isinstance(data, dict)
