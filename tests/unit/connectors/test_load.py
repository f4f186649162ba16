from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.load import load, load_file
from connectors.mistakes import ContractInvalid
from schemas.contract import Contract

WriteSource = Callable[..., Path]


def mistakes_of(file: Path) -> list[tuple[str, int, str, str, str]]:
    with pytest.raises(ContractInvalid) as caught:
        load_file(file)
    return [(m.file.name, m.line, m.where, m.what, m.todo) for m in caught.value.mistakes]


def test_a_right_contract_loads(write_source: WriteSource) -> None:
    contract = load_file(write_source())
    assert contract.source == "shop"
    assert list(contract.tables) == ["public.orders", "public.members"]
    assert contract.freshness.half_life == 7 * 86400.0


def test_a_folder_loads_in_the_order_of_its_file_names(write_source: WriteSource, tmp_path: Path) -> None:
    write_source()
    other = write_source({"source: shop": "source: alpha", "shop.debezium": "alpha.debezium"}, name="alpha")
    config = (tmp_path / "shop.debezium.json").read_text().replace("shop", "alpha")
    (tmp_path / "alpha.debezium.json").write_text(config)
    assert [contract.source for contract in load(other.parent)] == ["alpha", "shop"]


def test_an_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ContractInvalid, match="there is no contract here"):
        load(tmp_path)


def test_five_different_mistakes_in_one_contract_are_five_at_their_lines(write_source: WriteSource) -> None:
    file = write_source(
        {
            "slo: 2s": "slo: soon",
            "event_time:": "event_tme:",
            '"{note}"': '"{note.upper}"',
            "    key: [team, email]\n": "",
            "relation: member,": "relation: Member!,",
        }
    )
    assert [(line, where) for _, line, where, _, _ in mistakes_of(file)] == [
        (3, "freshness.slo"),
        (7, "tables.public.orders.event_tme"),
        (8, "tables.public.orders.text"),
        (13, "tables.public.members.key"),
        (14, "tables.public.members.relation.0.relation"),
    ]


def test_mistakes_of_contract_and_configuration_are_reported_together(write_source: WriteSource) -> None:
    file = write_source({"slo: 2s": "slo: soon"}, {"topic.prefix": "store", "database.password": "hunter2"})
    assert [(name, where) for name, _, where, _, _ in mistakes_of(file)] == [
        ("shop.debezium.json", "database.password"),
        ("shop.debezium.json", "topic.prefix"),
        ("shop.yaml", "freshness.slo"),
    ]


def test_a_misspelt_field_is_told_its_right_name(write_source: WriteSource) -> None:
    found = mistakes_of(write_source({"      readers:": "      raeders:"}))
    assert [(what, todo) for _, _, _, what, todo in found] == [
        ("the field 'readers' is missing", "add it"),
        ("unknown field 'raeders'", "did you mean 'readers'?"),
    ]


def test_an_unknown_field_like_no_other_is_told_all_that_are_known(write_source: WriteSource) -> None:
    found = mistakes_of(write_source({"source: shop": "source: shop\nzzz: 1"}))
    known = ", ".join(sorted(Contract.model_fields))
    assert found == [("shop.yaml", 2, "zzz", "unknown field 'zzz'", f"remove it; known fields are {known}")]


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("source: shop", "source: Shop!", 1, "String should match"),
        ("plugin: postgres", "plugin: oracle", 2, "Input should be 'postgres'"),
        ("public.orders:", "orders:", 5, "String should match"),
        ("key: [id]", "key: id", 6, "should be a valid list"),
        ("key: [id]", "key: []", 6, "at least 1 item"),
        ("key: [id]", "key: [id]\n    key: [id]", 7, "is written twice"),
        ("metadata: [status]", "metadata: [status]\n    mask: [note]", 5, "'note' is masked"),
        ("    text: ", "    title: ", 5, "text and permissions go together"),
    ],
)
def test_each_mistake_has_its_line(write_source: WriteSource, old: str, new: str, line: int, what: str) -> None:
    found = mistakes_of(write_source({old: new}))
    assert [(at, what in said) for name, at, _, said, _ in found if name == "shop.yaml"] == [(line, True)], found


def test_a_missing_configuration_is_a_mistake_at_the_line_that_names_it(write_source: WriteSource) -> None:
    [(name, line, where, what, todo)] = mistakes_of(write_source({"shop.debezium.json": "other.json"}))
    assert (name, line, where, what) == ("shop.yaml", 2, "connector.config", "other.json does not exist")
    assert todo.startswith("put the Debezium configuration at")


def test_an_unreadable_configuration_is_a_mistake(write_source: WriteSource, tmp_path: Path) -> None:
    file = write_source()
    (tmp_path / "shop.debezium.json").write_text('{\n  "topic.prefix": \n}')
    assert [(name, line) for name, line, *_ in mistakes_of(file)] == [("shop.debezium.json", 3)]


def test_two_contracts_of_one_source_are_a_mistake(write_source: WriteSource) -> None:
    file = write_source()
    write_source(name="shop2")
    with pytest.raises(ContractInvalid) as caught:
        load(file.parent)
    assert [str(m) for m in caught.value.mistakes] == [
        f"{file.parent / 'shop2.yaml'}:1: source: source 'shop' is already defined in shop.yaml; "
        "give each source its own name"
    ]


def test_a_contract_that_is_no_mapping_is_one_mistake(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- a\n- b\n")
    assert len(mistakes_of(tmp_path / "list.yaml")) == 1


def test_two_sources_may_not_share_a_replication_slot(write_source: WriteSource, tmp_path: Path) -> None:
    file = write_source(options={"slot.name": "one"})
    config = (tmp_path / "shop.debezium.json").read_text().replace("shop", "other")
    (tmp_path / "other.debezium.json").write_text(config)
    (tmp_path / "other.yaml").write_text(file.read_text().replace("shop", "other"))
    with pytest.raises(ContractInvalid) as caught:
        load(tmp_path)
    assert [(m.file.name, m.where, m.what) for m in caught.value.mistakes] == [
        ("shop.debezium.json", "slot.name", "'one' is already taken by source 'other'")
    ]


def test_what_fields_say_against_each_other_is_told_although_a_field_is_wrong(write_source: WriteSource) -> None:
    file = write_source(
        {
            "event_time: updated_at": "event_tme: updated_at\n    mask: [note, status, secret]",
            "key: [team, email]": "key: team\n    text: '{about}'",
        }
    )
    assert sorted((line, what) for _, line, _, what, _ in mistakes_of(file)) == [
        (5, "column 'note' is masked, so nothing else in the contract may use it"),
        (5, "column 'status' is masked, so nothing else in the contract may use it"),
        (7, "unknown field 'event_tme'"),
        (14, "text and permissions go together: a searchable table needs both"),
        (15, "Input should be a valid list"),
    ]


def test_the_interval_is_checked_although_another_part_of_the_contract_is_wrong(write_source: WriteSource) -> None:
    file = write_source({"half_life: 7d": "half_life: soon", "key: [id]": "key: []"}, {"heartbeat.interval.ms": "5000"})
    assert [where for *_, where, _, _ in mistakes_of(file)] == [
        "heartbeat.interval.ms",
        "freshness.half_life",
        "tables.public.orders.key",
    ]


def test_a_misshapen_option_hides_no_other_and_is_told_once(write_source: WriteSource) -> None:
    options = {"heartbeat.interval.ms": [500], "table.include.list": "public.orders", "topic.prefix": "store"}
    assert [where for *_, where, _, _ in mistakes_of(write_source(options=options))] == [
        "topic.prefix",
        "table.include.list",
        "heartbeat.interval.ms",
    ]


def test_wrapped_options_are_one_mistake(write_source: WriteSource, tmp_path: Path) -> None:
    file = write_source()
    (tmp_path / "shop.debezium.json").write_text('{"name": "shop", "config": {}}')
    assert [what for *_, what, _ in mistakes_of(file)] == ["the options are wrapped"]


def test_two_tables_that_would_share_a_topic_are_a_mistake_that_names_both(write_source: WriteSource) -> None:
    found = mistakes_of(write_source({"public.members": '"public.or ders"', "public.orders": "public.or_ders"}))
    what = "'public.or ders' and 'public.or_ders' would share the topic 'shop.public.or_ders'"
    told = [("shop.yaml", 13, "tables.public.or ders", what, "read one of them in a source of its own, or rename it")]
    assert [mistake for mistake in found if mistake[0] == "shop.yaml"] == told


def test_tables_of_two_sources_share_no_topic(write_source: WriteSource, tmp_path: Path) -> None:
    file = write_source({"public.orders": "public.or_ders"}, {"table.include.list": None})
    config = (tmp_path / "shop.debezium.json").read_text().replace("shop", "other")
    (tmp_path / "other.debezium.json").write_text(config)
    (tmp_path / "other.yaml").write_text(file.read_text().replace("shop", "other").replace("public.or_", '"public.or '))
    (tmp_path / "other.yaml").write_text(
        (tmp_path / "other.yaml").read_text().replace('"public.or ders', '"public.or ders"')
    )
    assert [contract.source for contract in load(tmp_path)] == ["other", "shop"]
