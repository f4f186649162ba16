from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.config_file import read_config
from connectors.debezium import effective, is_ours
from connectors.load import draft, load_file

WriteSource = Callable[..., Path]
NEW_RECORD = "io.debezium.transforms.ExtractNewRecordState"
ROUTER = "org.apache.kafka.connect.transforms.RegexRouter"


def told(file: Path) -> list[tuple[str, str]]:
    return [(mistake.where, mistake.what) for mistake in draft(file).mistakes]


@pytest.mark.parametrize(
    ("option", "value", "what"),
    [
        ("connector.class", "io.debezium.connector.mysql.MySqlConnector", "is 'io.debezium.connector.mysql"),
        ("plugin.name", "decoderbufs", "is 'decoderbufs'"),
        ("value.converter", "io.confluent.connect.avro.AvroConverter", "is 'io.confluent"),
        ("key.converter", "org.apache.kafka.connect.storage.StringConverter", "is 'org.apache"),
        ("tombstones.on.delete", False, "is 'false'"),
        ("provide.transaction.metadata", "false", "is 'false'"),
        ("skipped.operations", "t", "is 't'"),
        ("errors.tolerance", "all", "is 'all'"),
        ("event.processing.failure.handling.mode", "skip", "is 'skip'"),
        ("unavailable.value.placeholder", "?", "is '?'"),
        ("topic.prefix", "store", "is 'store'"),
        ("name", "store", "is 'store'"),
        ("decimal.handling.mode", "precise", "is 'precise'"),
        ("decimal.handling.mode", "double", "is 'double'"),
        ("time.precision.mode", "connect", "cuts times to milliseconds"),
        ("time.precision.mode", "nanoseconds", "no room for years beyond 2262"),
        ("time.precision.mode", "structured", "no event times"),
        ("table.include.list", "public.orders", "leaves out public.members"),
        ("table.include.list", "(", "is not a list of regular expressions"),
        ("table.exclude.list", "public.m.*", "leaves out public.members"),
        ("schema.include.list", "private", "leaves out public.orders"),
        ("column.exclude.list", "public.orders.note", "leaves out public.orders.note"),
        ("heartbeat.action.query", None, "writes no beat"),
        ("heartbeat.action.query", "SELECT 1", "writes no beat"),
        (
            "heartbeat.action.query",
            "SELECT pg_logical_emit_message(false, 'freshline.shop', '')",
            "not transactional",
        ),
        (
            "heartbeat.action.query",
            "SELECT pg_logical_emit_message(true, 'beat', '')",
            "not this source's own",
        ),
        ("message.prefix.include.list", "outbox", "leaves out the beat"),
        ("message.prefix.exclude.list", "freshline.*", "leaves out the beat"),
        ("heartbeat.interval.ms", None, "there are no heartbeats"),
        ("heartbeat.interval.ms", 0, "there are no heartbeats"),
        ("heartbeat.interval.ms", "10000", "a beat every 10000 ms cannot show a freshness of 2 s"),
    ],
)
def test_what_contradicts_freshline_is_a_mistake_of_that_option(
    write_source: WriteSource, option: str, value: object, what: str
) -> None:
    found = told(write_source(options={option: value}))
    assert {where for where, _ in found} == {option}
    assert what in found[0][1]


@pytest.mark.parametrize(
    ("kind", "what"), [(NEW_RECORD, "changes the shape of events"), (ROUTER, "sends events to topics")]
)
def test_transforms_that_reshape_or_rename_are_mistakes(write_source: WriteSource, kind: str, what: str) -> None:
    found = told(write_source(options={"transforms": "good, bad", "transforms.bad.type": kind}))
    assert [(where, what in said) for where, said in found] == [("transforms.bad.type", True)]


@pytest.mark.parametrize("option", ["database.password", "database.sslpassword", "sasl.jaas.config", "my.api.key"])
def test_a_secret_in_clear_text_is_a_mistake_that_does_not_repeat_it(write_source: WriteSource, option: str) -> None:
    [mistake] = draft(write_source(options={option: "hunter2"})).mistakes
    assert mistake.where == option
    assert "hunter2" not in str(mistake)


@pytest.mark.parametrize("value", ["${env:X}", "${file:/run/secrets/db:password}", "${vault:db/shop:password}"])
def test_a_secret_by_reference_is_right(write_source: WriteSource, value: str) -> None:
    assert told(write_source(options={"database.password": value})) == []


def test_a_reference_with_text_around_it_is_still_a_clear_secret(write_source: WriteSource) -> None:
    assert told(write_source(options={"database.password": "x${env:X}"})) != []


def test_patterns_match_as_debezium_matches_them(write_source: WriteSource) -> None:
    assert told(write_source(options={"table.include.list": "PUBLIC\\.ord.*, public.members"})) == []


def test_the_effective_configuration_adds_what_the_file_leaves_out(write_source: WriteSource) -> None:
    file = write_source(options={"table.include.list": None, "topic.prefix": None, "poll.interval.ms": 10})
    running = effective(load_file(file), read_config(file.with_name("shop.debezium.json")).options)
    expected = {
        "name": "shop",
        "topic.prefix": "shop",
        "slot.name": "freshline_shop",
        "publication.name": "freshline_shop",
        "table.include.list": "public\\.orders,public\\.members",
        "message.prefix.include.list": "freshline\\.shop",
        "provide.transaction.metadata": "true",
        "skipped.operations": "none",
        "decimal.handling.mode": "string",
        "time.precision.mode": "isostring",
        "publish.via.partition.root": "true",
        "poll.interval.ms": "10",
        "database.password": "${env:SHOP_PASSWORD}",
    }
    assert {option: running[option] for option in expected} == expected


@pytest.mark.parametrize("mode", ["isostring", "adaptive", "adaptive_time_microseconds", "microseconds"])
def test_times_may_be_written_in_any_way_that_loses_nothing(write_source: WriteSource, mode: str) -> None:
    assert told(write_source(options={"time.precision.mode": mode})) == []


@pytest.mark.parametrize("prefix", ["shop", "freshline.shops", "my.freshline.shop", "freshline.Shop", "freshline_shop"])
def test_a_beat_with_any_prefix_but_the_one_that_is_listened_to_is_a_mistake(
    write_source: WriteSource, prefix: str
) -> None:
    query = f"SELECT pg_logical_emit_message(true, '{prefix}', '')"
    [mistake] = draft(write_source(options={"heartbeat.action.query": query})).mistakes
    assert mistake.where == "heartbeat.action.query"
    assert mistake.todo == "write \"SELECT pg_logical_emit_message(true, 'freshline.shop', '')\""


def test_every_mistake_of_a_beat_is_told_at_once(write_source: WriteSource) -> None:
    options = {
        "heartbeat.action.query": "SELECT pg_logical_emit_message(false, 'beat', '')",
        "heartbeat.interval.ms": "5000",
        "message.prefix.include.list": "outbox",
        "message.prefix.exclude.list": "(",
    }
    assert [what for _, what in sorted(told(write_source(options=options)))] == [
        "the beat is not transactional, so it has no commit time",
        "the prefix 'beat' is not this source's own",
        "a beat every 5000 ms cannot show a freshness of 2 s",
        "is not a list of regular expressions",
        "leaves out the beat",
    ]


def test_the_beat_may_be_written_in_any_way_sql_allows(write_source: WriteSource) -> None:
    query = "select PG_LOGICAL_EMIT_MESSAGE( TRUE , 'freshline.shop', now()::text)"
    assert told(write_source(options={"heartbeat.action.query": query})) == []


def test_a_connector_is_ours_by_its_topics_and_its_beat() -> None:
    ours = {
        "topic.prefix": "shop",
        "heartbeat.action.query": "SELECT pg_logical_emit_message(true,'freshline.shop','')",
    }
    assert is_ours("shop", ours)
    assert not is_ours("other", ours)
    assert not is_ours("shop", {"topic.prefix": "shop"})
