"""Outboxes of a contract: the router they need, and every mistake in them at its line."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import infra.recorder.kinds
from connectors.debezium import effective
from connectors.load import draft, load_file
from connectors.mistakes import Mistake
from connectors.outbox import sketch_outbox, with_router
from connectors.outbox_table import outbox_mistakes
from connectors.replica_identity import Table
from schemas.contract import Contract

WriteSource = Callable[..., Path]
OUTBOX = """\
outboxes:
  public.outbox:
    columns: {type: event_type}
    aggregates:
      order:
        upserts: [Placed, Changed]
        deletes: [Cancelled]
        text: "{note}"
        permissions: {tenant: "{tenant}", readers: ["user:{owner}"]}
      member:
        upserts: [Joined]
        relation: {tenant: "{tenant}", object: "team:{team}", relation: member, subject: "user:{aggregateid}"}
tables:
"""
CAPTURED = {"table.include.list": "public.orders,public\\.members,public.outbox"}
REAL = Table(
    {
        "id": "uuid",
        "aggregatetype": "text",
        "aggregateid": "uuid",
        "event_type": "character varying",
        "payload": "jsonb",
    },
    primary_key=("id",),
    identities={"public.outbox": "d"},
    required=frozenset({"id", "aggregatetype"}),
)


@pytest.fixture
def write_outbox(write_source: WriteSource) -> WriteSource:
    """As write_source, with an outbox before the tables; `replace` changes its text too."""

    def write(replace: dict[str, str] | None = None, options: dict[str, object] | None = None) -> Path:
        text = OUTBOX
        for old, new in (replace or {}).items():
            assert old in text, f"{old!r} is not in the outbox"
            text = text.replace(old, new)
        return write_source({"tables:\n": text}, {**CAPTURED, **(options or {})})

    return write


def told(file: Path) -> list[tuple[int, str, str]]:
    return [(m.line, m.where, m.what) for m in sorted(draft(file).mistakes)]


def told_by_database(file: Path, real: Table | None, **options: Any) -> list[Mistake]:
    tables = {} if real is None else {"public.outbox": real}
    return sorted(outbox_mistakes(draft(file), tables, ["public.outbx"], options.get("by_leaf", set())))


def test_each_aggregate_type_is_a_table_with_a_topic_of_its_own(write_outbox: WriteSource) -> None:
    contract = load_file(write_outbox())
    assert {topic: table for topic, table in contract.raw_topics().items() if "outbox" in topic} == {
        "shop.public.outbox.order": "public.outbox.order",
        "shop.public.outbox.member": "public.outbox.member",
    }
    assert contract.captured() == ["public.orders", "public.members", "public.outbox"]
    assert Contract.model_validate_json(contract.model_dump_json()) == contract


def test_the_router_takes_only_the_outbox_and_names_its_columns(write_outbox: WriteSource) -> None:
    config = {
        "transforms": "mine",
        "transforms.mine.type": "x",
        "predicates": "his",
        "time.precision.mode": "isostring",
    }
    options = effective(load_file(write_outbox()), config)
    names = options["transforms"].split(",")
    assert names[0] == "mine"
    assert all(name.startswith("freshline_") for name in names[1:])
    predicates = options["predicates"].split(",")
    assert predicates[0] == "his"
    assert {options[f"transforms.{name}.predicate"] for name in names[1:]} == set(predicates[1:])
    route = {o.partition("route_0.")[2]: value for o, value in options.items() if ".freshline_route_0." in o}
    assert route["table.fields.additional.placement"] == "event_type:header:eventType"
    assert (route["route.by.field"], route["table.field.event.key"]) == ("aggregatetype", "aggregateid")
    assert options["predicates.freshline_outbox.pattern"] == r"shop\.public\.outbox"
    assert options["header.converter"].endswith("JsonConverter")
    assert options["table.include.list"] == r"public\.orders,public\.members,public\.outbox"
    assert options["snapshot.include.collection.list"] == r"public\.orders,public\.members"


@pytest.mark.parametrize(
    ("aggregate", "topic"),
    [
        ("order", "shop.public.outbox.order"),
        ("member", "shop.public.outbox.member"),
        ("orders", "shop.public.outbox."),
        ("ord", "shop.public.outbox."),
        ("order\n", "shop.public.outbox."),
        ("freshline.labels", "shop.public.outbox."),
        ("", "shop.public.outbox."),
    ],
)
def test_only_aggregate_types_of_the_contract_get_a_topic_and_all_others_are_dropped(
    write_outbox: WriteSource, aggregate: str, topic: str
) -> None:
    options = effective(load_file(write_outbox()), {})
    pattern = options["transforms.freshline_route_0.route.topic.regex"].replace(r"\z", r"\Z")  # as Python spells it
    replacement = options["transforms.freshline_route_0.route.topic.replacement"].replace("$1", r"\1")
    assert re.sub(pattern, replacement, aggregate, count=1) == topic
    dropped = re.fullmatch(options["predicates.freshline_rest.pattern"], topic) is not None
    assert dropped is topic.endswith(".")


def test_two_outboxes_have_a_router_each_and_odd_names_are_those_of_topics() -> None:
    boxes = {name: sketch_outbox({"aggregates": {"a": {}}}) for name in ("public.out", "public.out box")}
    options = with_router("shop", [], boxes, {})
    assert options["predicates.freshline_outbox.pattern"] == r"shop\.public\.out|shop\.public\.out_box"
    routes = [options[f"transforms.freshline_route_{n}.route.topic.replacement"] for n in (0, 1)]
    assert routes == ["shop.public.out.$1", "shop.public.out_box.$1"]
    moved = options["transforms.freshline_rowless.regex"]
    assert [re.sub(moved, r"\1.", topic) for topic in ("shop.public.out_box", "shop.public.outs")] == [
        "shop.public.out_box.",
        "shop.public.outs",
    ]
    assert options["snapshot.mode"] == "no_data"


def test_a_source_without_outboxes_has_no_router(write_source: WriteSource) -> None:
    options = effective(load_file(write_source()), {})
    assert not [option for option in options if option.startswith(("transforms", "predicates", "header", "snapshot"))]


def test_what_is_recorded_went_through_this_very_router() -> None:
    box = {"outbox.events": sketch_outbox({"aggregates": {"ticket": {}, "member": {}}})}
    made = {k: v for k, v in with_router("recorder_outbox", [], box, {}).items() if not k.startswith("snapshot.")}
    written = Path(infra.recorder.kinds.__file__).with_name("router.json").read_text()
    assert json.loads(written) == made, "write it again and record again: freshline record"


def test_every_mistake_in_an_outbox_is_told_at_its_line(write_outbox: WriteSource) -> None:
    file = write_outbox(
        {
            "{type: event_type}": "{typ: event_type}",
            "upserts: [Placed, Changed]": "upserts: [Placed, Cancelled]",
            '        text: "{note}"\n': "",
            "upserts: [Joined]": "upserts: []\n        key: [a, b]",
            "      member:": '      "mem ber":',
        }
    )
    assert [(line, where) for line, where, _ in told(file)] == [
        (6, "outboxes.public.outbox.columns.typ"),
        (8, "outboxes.public.outbox.aggregates.order"),
        (8, "outboxes.public.outbox.aggregates.order"),
        (12, "outboxes.public.outbox.aggregates.mem ber"),
        (13, "outboxes.public.outbox.aggregates.mem ber.upserts"),
        (14, "outboxes.public.outbox.aggregates.mem ber.key"),
    ]


def test_a_source_needs_a_table_or_an_outbox_and_none_is_both(write_source: WriteSource, tmp_path: Path) -> None:
    both = write_source({"tables:\n": OUTBOX, "  public.members:": "  public.outbox:"}, CAPTURED)
    assert "public.outbox is an outbox, so it is no table too" in [what for _, _, what in told(both)]
    neither = write_source()
    neither.write_text(neither.read_text().partition("tables:")[0])
    assert "a source must have tables, or outboxes, or both" in [what for _, _, what in told(neither)]


def test_what_would_break_the_router_is_a_mistake_of_that_option(write_outbox: WriteSource) -> None:
    options = {
        "transforms": "freshline_place",
        "predicates.freshline_outbox.pattern": ".*",
        "header.converter": "org.apache.kafka.connect.storage.SimpleHeaderConverter",
        "column.exclude.list": "public.outbox.payload",
        "table.include.list": "public.orders,public.members",
    }
    assert {where for _, where, _ in told(write_outbox(options=options))} == set(options)


def test_a_router_of_ones_own_is_told_how_to_declare_the_outbox(write_outbox: WriteSource) -> None:
    kind = "io.debezium.transforms.outbox.EventRouter"
    [mistake] = draft(write_outbox(options={"transforms": "mine", "transforms.mine.type": kind})).mistakes
    assert "declare its table under outboxes" in mistake.todo


def test_a_right_outbox_table_has_no_mistake(write_outbox: WriteSource) -> None:
    assert told_by_database(write_outbox(), REAL) == []


def test_a_missing_outbox_table_is_told_the_nearest_name(write_outbox: WriteSource) -> None:
    [mistake] = told_by_database(write_outbox(), None)
    assert (mistake.line, mistake.todo) == (5, "did you mean 'public.outbx'?")


def _broken() -> Iterator[Any]:
    columns, required = REAL.columns, REAL.required
    yield {**columns, "aggregatetype": "integer"}, required, ["'aggregatetype' is of type integer"]
    yield {**columns, "payload": "bytea"}, required, ["'payload' is of type bytea"]
    yield {**columns, "payload": "text[]"}, required, ["'payload' is of type text[]"]
    yield {k: v for k, v in columns.items() if k != "payload"}, required, ["there is no column 'payload'"]
    yield columns, frozenset({"id"}), ["'aggregatetype' may be null, and one such row would stop the connector"]
    renamed = {("kind" if k == "event_type" else k): v for k, v in columns.items() if k != "id"}
    yield renamed, required, ["there is no column 'event_type'", "there is no column 'id'"]


@pytest.mark.parametrize(("columns", "required", "whats"), list(_broken()))
def test_columns_that_the_router_cannot_read_are_all_told(
    write_outbox: WriteSource, columns: dict[str, str], required: frozenset[str], whats: list[str]
) -> None:
    real = Table(columns, REAL.primary_key, REAL.identities, required=required)
    assert sorted(mistake.what for mistake in told_by_database(write_outbox(), real)) == whats


def test_an_outbox_whose_rows_could_not_be_deleted_once_captured_is_a_mistake(write_outbox: WriteSource) -> None:
    real = Table(REAL.columns, (), {"public.outbox": "n"}, required=REAL.required)
    whats = [mistake.what for mistake in told_by_database(write_outbox(), real)]
    assert any("no primary key" in what for what in whats)
    assert len(whats) == 2


def test_a_partitioned_outbox_must_be_sent_under_its_own_name(write_outbox: WriteSource) -> None:
    real = Table(REAL.columns, REAL.primary_key, REAL.identities, True, required=REAL.required)
    leafy = write_outbox(options={"publish.via.partition.root": "false"})
    assert [mistake.where for mistake in told_by_database(leafy, real)] == ["outboxes.public.outbox"]
    rooted = write_outbox(options={"publish.via.partition.root": "true"})
    assert told_by_database(rooted, real) == []
    assert len(told_by_database(rooted, real, by_leaf={"freshline_shop"})) == 1
