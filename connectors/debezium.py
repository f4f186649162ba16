"""What Freshline needs of a Debezium configuration: what is missing is added, what contradicts is wrong."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Final

from connectors.config_file import ConfigFile
from connectors.mistakes import Mistake
from connectors.outbox import NO_OUTBOXES, OutboxSketch, sketches, with_router
from schemas.contract import Contract
from schemas.template import PLACEHOLDER
from schemas.topics import LARGEST_ROW, beat_prefix

POSTGRES: Final = "io.debezium.connector.postgresql.PostgresConnector"
JSON: Final = "org.apache.kafka.connect.json.JsonConverter"
HEARTBEATS: Final = "__debezium-heartbeat"

FIXED: Final[Mapping[str, tuple[str, str]]] = {
    "connector.class": (POSTGRES, "it is the connector of plugin postgres"),
    "plugin.name": ("pgoutput", "it is the decoder that carries the beats"),
    "key.converter": (JSON, "the stream job reads JSON"),
    "value.converter": (JSON, "the stream job reads JSON"),
    "tombstones.on.delete": ("true", "a delete must end the key in Kafka too"),
    "provide.transaction.metadata": ("true", "it orders the changes within one transaction"),
    "skipped.operations": ("none", "a truncate must empty the index too"),
    "decimal.handling.mode": ("string", "precise writes numbers as bytes, double loses digits"),
    "errors.tolerance": ("none", "a skipped error would lose a change silently"),
    "event.processing.failure.handling.mode": ("fail", "a skipped event would lose a change silently"),
    "unavailable.value.placeholder": (PLACEHOLDER, "it is how a value that was not sent is told from data"),
    "topic.naming.strategy": (
        "io.debezium.schema.SchemaTopicNamingStrategy",
        "topics are <source>.<schema>.<table>",
    ),
    "topic.delimiter": (".", "topics are <source>.<schema>.<table>"),
    "topic.transaction": ("transaction", "its topic is <source>.transaction"),
    "topic.heartbeat.prefix": (HEARTBEATS, f"its topic is {HEARTBEATS}.<source>"),
}
"""Option -> the only value Freshline works with, and why."""

DEFAULTS: Final[Mapping[str, str]] = {
    "key.converter.schemas.enable": "false",
    "value.converter.schemas.enable": "false",
    "time.precision.mode": "isostring",
    "publication.autocreate.mode": "filtered",
    "publish.via.partition.root": "true",
    "poll.interval.ms": "10",
    "producer.override.max.request.size": str(LARGEST_ROW),
    "tasks.max": "1",
    # A captured table without contract (signals, a pattern's others) has no topic: without one the connector hangs.
    "topic.creation.default.partitions": "1",
    "topic.creation.default.replication.factor": "-1",
}
"""Used where the file does not say."""

_UNFIT_TIMES = {
    "connect": "cuts times to milliseconds",
    "nanoseconds": "has no room for years beyond 2262",
    "structured": "writes times as objects, which are no event times",
}
"""Ways of writing times that lose something. The others that are numbers lose nothing, but only isostring can be
verified."""

_RESHAPING = (
    "ExtractNewRecordState",
    "EventRouter",
    "ExtractField$Value",
    "ExtractField$Key",
    "Flatten$Value",
)
_RENAMING = (
    "RegexRouter",
    "ByLogicalTableRouter",
    "TimestampRouter",
    "ContentBasedRouter",
    "PartitionRouting",
)
_SECRET = re.compile(r"(?i)(password|passwd|passphrase|secret|token|credential|jaas|api[._-]?key|private[._-]?key)")
REFERENCE = re.compile(r"\$\{[a-z][\w.-]*:[^}]+\}", re.IGNORECASE)
_EXACT = ("topic.prefix", "name", "topic.delimiter", "unavailable.value.placeholder")
"""Options whose case matters."""
_BROKEN = "is not a list of regular expressions"
_EMIT = re.compile(r"pg_logical_emit_message\s*\(\s*(true|false)\s*,\s*'([^']*)'", re.IGNORECASE)


def effective(contract: Contract, options: Mapping[str, str]) -> dict[str, str]:
    """The configuration that runs: the file's options, and what Freshline needs where the file is silent."""
    dropped = without_masked(options, [f"{name}.{column}" for name, t in contract.tables.items() for column in t.mask])
    return effective_for(contract.source, list(contract.tables), dropped, sketches(contract.outboxes))


def effective_for(
    source: str, tables: list[str], options: Mapping[str, str], outboxes: Mapping[str, OutboxSketch] = NO_OUTBOXES
) -> dict[str, str]:
    """As `effective`, for a contract that is not (yet) right as a whole."""
    ours = {name: value for name, (value, _) in FIXED.items()} | dict(DEFAULTS)
    ours |= {
        "topic.prefix": source,
        "slot.name": f"freshline_{source}",
        "publication.name": f"freshline_{source}",
    }
    if not any(option.startswith(("table.", "schema.")) for option in options):
        ours["table.include.list"] = ",".join(re.escape(table) for table in (*tables, *outboxes))
    if not any(option.startswith("message.prefix.") for option in options):
        ours["message.prefix.include.list"] = re.escape(beat_prefix(source))
    return with_router(source, tables, outboxes, {**ours, **options, "name": source})


def without_masked(options: Mapping[str, str], masked: Iterable[str]) -> dict[str, str]:
    """The options, with masked columns (`schema.table.column`) dropped by the connector: they never reach Kafka.

    A file that lists what it includes drops the others by that; Debezium takes only one of the two lists.
    """
    option, found = "column.exclude.list", dict(options)
    listed = found.get(option, "")
    more = [re.escape(name) for name in masked if not _matches(listed, name)]
    if more and "column.include.list" not in found:
        found[option] = ",".join(filter(None, (listed.strip().rstrip(","), *more)))
    return found


def is_ours(name: str, options: Mapping[str, str]) -> bool:
    """Whether a connector was made by Freshline: its topics have its name, and it writes the beat of that source."""
    beat = _EMIT.search(options.get("heartbeat.action.query", ""))
    return options.get("topic.prefix") == name and beat is not None and beat[2] == beat_prefix(name)


def is_secret(option: str) -> bool:
    """Whether an option's value must be a reference and never be shown."""
    return _SECRET.search(option) is not None


def captures_column(config: ConfigFile | None, name: str) -> bool:
    """Whether a connector sends a column (`schema.table.column`), as far as the configuration can be read."""
    options = {} if config is None else config.options
    wanted = (("column.include.list", True), ("column.exclude.list", False))
    return all(_matches(options[option], name) in (should, None) for option, should in wanted if option in options)


def check(
    source: str, slo: float | None, tables: Mapping[str, Set[str]], config: ConfigFile, masked: Iterable[str] = ()
) -> list[Mistake]:
    """Everything in a configuration that contradicts the contract or what Freshline depends on.

    `slo` is in seconds, None where the contract's own is not usable; `tables` holds the columns the contract uses;
    `masked` are columns (`schema.table.column`) that must not be sent.
    """
    mistakes = [
        *_fixed(source, config),
        *_secrets(config),
        *_transforms(config),
        *_beats(source, slo, config),
    ]
    mistakes += [*_captured(tables, config), *_columns(tables, config), *_masked(masked, config)]
    return mistakes


def _fixed(source: str, config: ConfigFile) -> Iterator[Mistake]:
    needed = dict(FIXED)
    needed |= dict.fromkeys(("topic.prefix", "name"), (source, "connector and topics carry the source's name"))
    for option, (value, why) in needed.items():
        found = config.options.get(option, value)
        same = found == value if option in _EXACT else found.lower() == value.lower()
        if not same:
            yield config.mistake(option, f"is {found!r}", f"make it {value!r} or leave it out: {why}")
    what = _UNFIT_TIMES.get(config.options.get("time.precision.mode", "").lower())
    if what is not None:
        yield config.mistake("time.precision.mode", what, "make it 'isostring' or leave it out")


def _secrets(config: ConfigFile) -> Iterator[Mistake]:
    for option, value in config.options.items():
        if is_secret(option) and value and not REFERENCE.fullmatch(value):
            todo = "refer to it: ${env:NAME} or ${file:/path:key}, and change the secret that was written here"
            yield config.mistake(option, "holds a secret in clear text", todo)


def _transforms(config: ConfigFile) -> Iterator[Mistake]:
    for name in filter(None, (name.strip() for name in config.options.get("transforms", "").split(","))):
        kind = config.options.get(f"transforms.{name}.type", "")
        if kind.endswith(_RESHAPING):
            what = "changes the shape of events, so positions and deletes are lost"
            todo = "; declare its table under outboxes in the contract instead" if kind.endswith("EventRouter") else ""
            yield config.mistake(f"transforms.{name}.type", what, f"take {name!r} out of transforms{todo}")
        elif kind.endswith(_RENAMING):
            what = "sends events to topics Freshline does not read"
            yield config.mistake(f"transforms.{name}.type", what, f"take {name!r} out of transforms")


def _beats(source: str, slo: float | None, config: ConfigFile) -> Iterator[Mistake]:
    option, prefix = "heartbeat.action.query", beat_prefix(source)
    todo = f"write \"SELECT pg_logical_emit_message(true, '{prefix}', '')\""
    found = _EMIT.search(config.options.get(option, ""))
    if found is None:
        yield config.mistake(option, "writes no beat, so freshness cannot be known", todo)
    if found is not None and found[1].lower() != "true":
        yield config.mistake(option, "the beat is not transactional, so it has no commit time", todo)
    if found is not None and found[2] != prefix:
        yield config.mistake(option, f"the prefix {found[2]!r} is not this source's own", todo)
    yield from _heard(prefix, config)
    yield from _interval(slo, config)


def _heard(prefix: str, config: ConfigFile) -> Iterator[Mistake]:
    include, exclude = "message.prefix.include.list", "message.prefix.exclude.list"
    todo = f"let {prefix!r} pass"
    for option, wanted in ((include, True), (exclude, False)):
        matches = _matches(config.options[option], prefix) if option in config.options else wanted
        if matches is None:
            yield config.mistake(option, _BROKEN, "correct it or leave it out")
        elif matches is not wanted:
            yield config.mistake(option, "leaves out the beat", todo)


def _interval(slo: float | None, config: ConfigFile) -> Iterator[Mistake]:
    option = "heartbeat.interval.ms"
    text = config.options.get(option, "0")
    if not text.isdecimal() or int(text) == 0:
        yield config.mistake(option, "there are no heartbeats, so freshness cannot be known", "make it 1000")
    elif slo is not None and int(text) > slo * 1000:
        what = f"a beat every {text} ms cannot show a freshness of {slo:g} s"
        yield config.mistake(option, what, f"make it {max(1, int(slo * 500))} or less")


def _captured(tables: Mapping[str, Set[str]], config: ConfigFile) -> Iterator[Mistake]:
    checks: tuple[tuple[str, Callable[[str], str], bool], ...] = (
        ("table.include.list", str, True),
        ("table.exclude.list", str, False),
        ("schema.include.list", lambda table: table.split(".")[0], True),
        ("schema.exclude.list", lambda table: table.split(".")[0], False),
    )
    for option, name_of, wanted in checks:
        for table in tables if option in config.options else ():
            matches = _matches(config.options[option], name_of(table))
            if matches is None:
                yield config.mistake(option, _BROKEN, "correct it or leave it out")
                break
            if matches is not wanted:
                yield config.mistake(option, f"leaves out {table}, which the contract reads", f"let {table} pass")


def _columns(tables: Mapping[str, Set[str]], config: ConfigFile) -> Iterator[Mistake]:
    for option, wanted in (("column.include.list", True), ("column.exclude.list", False)):
        names = [f"{table}.{column}" for table, columns in tables.items() for column in sorted(columns)]
        for name in names if option in config.options else ():
            matches = _matches(config.options[option], name)
            if matches is None:
                yield config.mistake(option, _BROKEN, "correct it or leave it out")
                break
            if matches is not wanted:
                yield config.mistake(option, f"leaves out {name}, which the contract uses", f"let {name} pass")


def _masked(masked: Iterable[str], config: ConfigFile) -> Iterator[Mistake]:
    option = "column.include.list"
    for name in masked if option in config.options else ():
        if _matches(config.options[option], name):
            yield config.mistake(option, f"sends {name}, which the contract masks", f"take {name} out")


def _matches(patterns: str, name: str) -> bool | None:
    """As Debezium matches: comma-separated, whole name, any case. None for a broken regular expression."""
    try:
        return any(re.fullmatch(part.strip(), name, re.IGNORECASE) for part in patterns.split(",") if part.strip())
    except re.error:
        return None
