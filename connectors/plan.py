"""What must change so that the sources are captured: wanted against found. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from connectors.debezium import HEARTBEATS
from connectors.kafka_admin import TopicSpec
from schemas.contract import Contract
from schemas.topics import (
    COMPACTED,
    INTERNAL,
    LARGEST_MESSAGE,
    LARGEST_ROW,
    PROGRESS,
    SINGLE_PARTITION,
    UPDATES,
    beat_topic,
)

Action = Literal["create", "update", "unchanged", "refuse", "remove"]

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
FOREVER = "-1"
REWRITING = frozenset(
    ("time.precision.mode", *(f"{kind}.handling.mode" for kind in ("decimal", "binary", "hstore", "interval")))
)
"""Options that decide how values are written: with another one, what was read before differs from what comes."""


@dataclass(frozen=True)
class Step:
    """One thing to do. `detail` says what changes, in words that hold no option's value.

    `refuse`: what is there contradicts what is wanted and changing it would harm; a person must decide.
    `remove`: no contract wants it any more; `freshline sources remove` takes it away, `apply` leaves it alone.
    """

    kind: Literal["topic", "connector"]
    name: str
    action: Action
    detail: str = ""


@dataclass(frozen=True)
class Plan:
    """The steps in the order `apply` takes them: topics first, then connectors."""

    steps: tuple[Step, ...]

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that `apply` takes, or must refuse."""
        return tuple(step for step in self.steps if step.action not in ("unchanged", "remove"))

    @property
    def refused(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.action == "refuse")


@dataclass(frozen=True)
class Wanted:
    """Topics and connector configurations (source -> options) as they should be."""

    topics: tuple[TopicSpec, ...]
    connectors: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Found:
    """What is there: topic -> partitions, topic -> options in force, connector -> options.

    `connectors` holds those that are wanted, and of the others those that Freshline made.
    """

    partitions: Mapping[str, int]
    topic_configs: Mapping[str, Mapping[str, str]]
    connectors: Mapping[str, Mapping[str, str]]


def wanted_topics(contracts: Iterable[Contract], partitions: int) -> tuple[TopicSpec, ...]:
    """Every topic Freshline needs: its own, then those of each source."""
    internal = [
        TopicSpec(name, 1 if name in SINGLE_PARTITION else partitions, _internal_config(name)) for name in INTERNAL
    ]
    return (*internal, *(spec for contract in contracts for spec in source_topics(contract, partitions)))


def source_topics(contract: Contract, partitions: int) -> list[TopicSpec]:
    """The topics a connector writes. Rows wait two weeks for a stream job that is down; beats a day.

    Raw topics are not compacted: a later version of a row may lack a value that only an earlier one carries.
    """
    rows = {
        "cleanup.policy": "delete",
        "retention.ms": str(14 * DAY_MS),
        "max.message.bytes": str(LARGEST_ROW),
    }
    passing = {"cleanup.policy": "delete", "retention.ms": str(DAY_MS), "segment.ms": str(HOUR_MS)}
    source = contract.source
    control = (beat_topic(source), f"{source}.transaction", f"{HEARTBEATS}.{source}")
    raw = [TopicSpec(topic, partitions, rows) for topic in contract.raw_topics()]
    return raw + [TopicSpec(topic, 1, passing) for topic in control]


def plan(wanted: Wanted, found: Found) -> Plan:
    """Compare. Doing the plan and planning again gives no changes."""
    topics = [_topic_step(spec, found) for spec in wanted.topics]
    connectors = [_connector_step(name, options, found) for name, options in wanted.connectors.items()]
    leftovers = [_leftover(name) for name in sorted(found.connectors.keys() - wanted.connectors)]
    return Plan((*topics, *connectors, *leftovers))


def changed_options(wanted: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """The wanted options that are not so."""
    return {option: value for option, value in wanted.items() if found.get(option) != value}


def _internal_config(name: str) -> dict[str, str]:
    size = {"max.message.bytes": str(LARGEST_MESSAGE)}
    if name not in COMPACTED:
        kept = str(7 * DAY_MS) if name == UPDATES else FOREVER
        return {"cleanup.policy": "delete", "retention.ms": kept, **size}
    # Every beat writes a progress message: without short segments a week of them would wait for compaction.
    return {"cleanup.policy": "compact", **size, **({"segment.ms": str(HOUR_MS)} if name == PROGRESS else {})}


def _topic_step(spec: TopicSpec, found: Found) -> Step:
    there = found.partitions.get(spec.name)
    if there is None:
        return Step("topic", spec.name, "create", f"{_count(spec.partitions)}, {_words(spec.config)}")
    if spec.partitions == 1 and there > 1:
        detail = f"has {there} partitions but must have one: it is read in order; move it away or delete it"
        return Step("topic", spec.name, "refuse", detail)
    changed = changed_options(spec.config, found.topic_configs.get(spec.name, {}))
    kept = "" if there == spec.partitions else f"keeps its {_count(there)}: more would tear keys from their order"
    if changed:
        return Step("topic", spec.name, "update", ", ".join(filter(None, (_words(changed), kept))))
    return Step("topic", spec.name, "unchanged", kept)


def _connector_step(name: str, options: Mapping[str, str], found: Found) -> Step:
    there = found.connectors.get(name)
    if there is None:
        return Step("connector", name, "create", f"captures {options.get('table.include.list', 'its tables')}")
    changed = sorted({*changed_options(options, there), *(there.keys() - options.keys())})
    if not changed:
        return Step("connector", name, "unchanged")
    again = f"; values are written otherwise from then on: then run freshline verify {name} --repair"
    return Step("connector", name, "update", _listed(changed) + (again if REWRITING & set(changed) else ""))


def _leftover(name: str) -> Step:
    return Step("connector", name, "remove", f"has no contract any more: freshline sources remove {name}")


def _listed(options: Sequence[str]) -> str:
    return "changes " + ", ".join(options)


def _words(config: Mapping[str, str]) -> str:
    return ", ".join(f"{option}={value}" for option, value in sorted(config.items()))


def _count(partitions: int) -> str:
    return "1 partition" if partitions == 1 else f"{partitions} partitions"
