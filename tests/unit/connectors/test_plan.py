from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.kafka_admin import TopicSpec
from connectors.load import load_file
from connectors.plan import Found, Plan, Step, Wanted, plan, wanted_topics
from schemas.topics import INTERNAL, LARGEST_MESSAGE

NOTHING = Found({}, {}, {})
TOPICS = (
    TopicSpec("rows", 4, {"cleanup.policy": "delete"}),
    TopicSpec("order", 1, {"cleanup.policy": "compact"}),
)
WANTED = Wanted(TOPICS, {"shop": {"name": "shop", "poll.interval.ms": "10"}})
DONE = Found(
    {"rows": 4, "order": 1, "other": 7},
    {"rows": {"cleanup.policy": "delete", "x": "y"}, "order": {"cleanup.policy": "compact"}},
    {"shop": {"name": "shop", "poll.interval.ms": "10"}},
)


def test_where_nothing_is_everything_is_created_topics_first() -> None:
    assert [(step.kind, step.name, step.action) for step in plan(WANTED, NOTHING).steps] == [
        ("topic", "rows", "create"),
        ("topic", "order", "create"),
        ("connector", "shop", "create"),
    ]


def test_where_all_is_as_wanted_nothing_changes() -> None:
    assert plan(WANTED, DONE).changes == ()


def test_a_different_topic_option_is_updated_and_only_that() -> None:
    found = replace(DONE, topic_configs={**DONE.topic_configs, "order": {"cleanup.policy": "delete"}})
    assert plan(WANTED, found).changes == (Step("topic", "order", "update", "cleanup.policy=compact"),)


def test_fewer_partitions_are_kept_because_keys_would_lose_their_order() -> None:
    changed = plan(WANTED, replace(DONE, partitions={"rows": 2, "order": 1}))
    assert changed.changes == ()
    assert changed.steps[0].detail.startswith("keeps its 2 partitions")


def test_a_topic_that_is_read_in_order_may_not_have_more_than_one_partition() -> None:
    refused = plan(WANTED, replace(DONE, partitions={"rows": 4, "order": 3})).refused
    assert [(step.name, step.action) for step in refused] == [("order", "refuse")]


@pytest.mark.parametrize(
    ("there", "detail"),
    [
        ({"name": "shop", "poll.interval.ms": "50"}, "changes poll.interval.ms"),
        ({"name": "shop"}, "changes poll.interval.ms"),
        ({"name": "shop", "poll.interval.ms": "10", "gone": "1"}, "changes gone"),
    ],
)
def test_a_different_connector_is_updated_naming_options_but_no_values(there: dict[str, str], detail: str) -> None:
    changed = plan(WANTED, replace(DONE, connectors={"shop": there}))
    assert changed == Plan((*changed.steps[:2], Step("connector", "shop", "update", detail)))


@pytest.mark.parametrize("option", ["time.precision.mode", "decimal.handling.mode", "hstore.handling.mode"])
def test_an_option_that_writes_values_otherwise_asks_for_a_repair_after(option: str) -> None:
    wanted = replace(WANTED, connectors={"shop": {**WANTED.connectors["shop"], option: "new"}})
    [step] = plan(wanted, DONE).changes
    assert step.detail.startswith(f"changes {option}; ")
    assert step.detail.endswith("then run freshline verify shop --repair")


def test_a_connector_without_contract_is_left_alone_and_told_how_to_remove_it() -> None:
    found = plan(WANTED, replace(DONE, connectors={**DONE.connectors, "old": {}}))
    assert found.changes == ()
    assert found.steps[-1] == Step(
        "connector", "old", "remove", "has no contract any more: freshline sources remove old"
    )


def test_every_topic_of_freshline_and_of_the_source_is_wanted(write_source: Callable[..., Path]) -> None:
    topics = {spec.name: spec for spec in wanted_topics([load_file(write_source())], partitions=6)}
    assert set(topics) == {
        *INTERNAL,
        "shop.public.orders",
        "shop.public.members",
        "shop.message",
        "shop.transaction",
        "__debezium-heartbeat.shop",
    }
    assert {name for name, spec in topics.items() if spec.partitions == 6} == {
        "freshline.changes",
        "freshline.updates",
        "shop.public.orders",
        "shop.public.members",
    }
    assert {name for name, spec in topics.items() if spec.config["cleanup.policy"] == "compact"} == {
        "freshline.changes",
        "freshline.labels",
        "freshline.relations",
        "freshline.progress",
        "freshline.tables",
        "freshline.dead-letters",
        "freshline.revocations",
    }
    assert topics["freshline.dead-letters"].config == {
        "cleanup.policy": "compact",
        "max.message.bytes": str(LARGEST_MESSAGE),
    }
