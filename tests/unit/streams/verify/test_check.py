"""What differs is found for what it is, what merely changes is not, and what is found is healed through the topics."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from index.store import Version
from schemas.errors import Unavailable
from schemas.label import LabelId
from schemas.position import NOWHERE, Position
from schemas.relation import Grant, RelationTuple

World = Any
"""The fixture's class: see conftest."""
TABLE = "helpdesk/helpdesk.tickets"
BEYOND = Position("f" * 16)


def remove(world: World) -> None:
    del world.store.records[f"{TABLE}/42"]


def alter_text(world: World) -> None:
    world.alter(43, 1, text="Everybody gets a rise.")


def break_vector(world: World) -> None:
    world.alter(42, vector=world.store.records[f"{TABLE}/42"][0].vector * 2)


def lose_vector(world: World) -> None:
    world.alter(42, vector=np.full(256, np.nan, dtype=np.float32))


def swap_vector(world: World) -> None:
    world.alter(42, vector=world.store.records[f"{TABLE}/44"][0].vector)


def relabel(world: World) -> None:
    world.alter(42, label=world.store.records[f"{TABLE}/44"][0].label)


def relabel_one_chunk(world: World) -> None:
    world.alter(43, 1, label=LabelId(5))


def drop_chunk(world: World) -> None:
    rows = world.store.records[f"{TABLE}/43"]
    world.store.records[f"{TABLE}/43"] = (rows[0], *rows[2:])


def add(world: World) -> None:
    row = world.store.records[f"{TABLE}/42"][0]
    world.store.records[f"{TABLE}/99"] = (replace(row, record_id=f"{TABLE}/99", key='{"id": 99}'),)


def add_under_a_foreign_key(world: World) -> None:
    row = world.store.records[f"{TABLE}/42"][0]
    world.store.records[f"{TABLE}/98"] = (replace(row, record_id=f"{TABLE}/98"),)


def add_orphan(world: World) -> None:
    world.store.loose.append(replace(world.store.records[f"{TABLE}/42"][0], chunk=7))


def forge_grant(world: World) -> None:
    given = RelationTuple(tenant="acme", object="team:7", relation="member", subject="user:mallory@acme.example")
    name = "helpdesk/helpdesk.members/7,mallory%40acme.example"
    world.kafka.grant_messages.append(Grant(record_id=name, position=Position("1"), commit_ms=1, tuples=(given,)))


def alter_grant(world: World) -> None:
    known = next(g for g in world.kafka.grant_messages if g.record_id.endswith("7,bob%40acme.example"))
    given = (known.tuples[0].model_copy(update={"subject": "user:mallory@acme.example"}),)
    world.kafka.grant_messages.append(known.model_copy(update={"tuples": given}))


def empty_grants(world: World) -> None:
    gone = Grant(
        record_id="helpdesk/helpdesk.members", position=Position("0000000000000065"), commit_ms=1, truncated=True
    )
    world.kafka.grant_messages.append(gone)


def forget_labels(world: World) -> None:
    world.kafka.label_messages.clear()


BOB, EVE = "7,bob%40acme.example", "8,eve%40acme.example"
SABOTAGES: list[tuple[Callable[[World], None], list[tuple[str, str]]]] = [
    (remove, [("missing", "42")]),
    (alter_text, [("stale", "43")]),
    (break_vector, [("stale", "42")]),
    (lose_vector, [("stale", "42")]),
    (swap_vector, [("stale", "42")]),
    (relabel, [("mislabelled", "42")]),
    (relabel_one_chunk, [("mislabelled", "43")]),
    (drop_chunk, [("stale", "43")]),
    (add, [("extra", "99")]),
    (add_under_a_foreign_key, [("extra", "98")]),
    (add_orphan, [("extra", "42")]),
    (forge_grant, [("grant_extra", "7,mallory%40acme.example")]),
    (alter_grant, [("grant_stale", BOB)]),
    (empty_grants, [("grant_missing", BOB), ("grant_missing", EVE)]),
    (forget_labels, [("mislabelled", "42"), ("mislabelled", "43"), ("mislabelled", "44")]),
]


def test_where_nothing_differs_nothing_is_found(world: World) -> None:
    assert world.findings(deep=True) == []
    assert dict(world.report.rows) == {"helpdesk.tickets": 3, "helpdesk.members": 2}
    assert world.report.clean


@pytest.mark.parametrize(("sabotage", "found"), SABOTAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_difference_is_found_for_what_it_is_and_healed(
    world: World, sabotage: Callable[[World], None], found: list[tuple[str, str]]
) -> None:
    before = dict(world.store.records)
    sabotage(world)
    assert world.kinds(deep=True) == found
    assert world.kinds(deep=True, heal=True) == found
    assert world.findings(deep=True) == []
    assert {name: [r.text for r in rows] for name, rows in world.store.records.items()} == {
        name: [r.text for r in rows] for name, rows in before.items()
    }


def test_a_vector_of_another_text_is_found_by_a_deep_look_only(world: World) -> None:
    swap_vector(world)
    assert world.findings() == []


@pytest.mark.parametrize("column", ["title", "url", "metadata", "event_ms", "text_hash", "key", "source"])
def test_every_shown_field_is_compared(world: World, column: str) -> None:
    world.alter(42, **{column: 5 if column == "event_ms" else "other"})
    assert world.kinds() == [("stale", "42")]


def test_a_row_without_event_time_is_not_compared_by_a_commit_time_the_database_does_not_tell(world: World) -> None:
    row = world.tickets.found["42",]
    world.tickets.put(**{**row.values, "updated_at": None})
    world.alter(42, event_ms=77)
    assert world.findings() == []


def test_a_change_that_is_on_its_way_is_no_difference(world: World) -> None:
    world.tickets.put(**{**world.tickets.found["42",].values, "body": "Written just now."})
    world.tickets.during_read = lambda: deliver(world)
    assert world.findings() == []


def deliver(world: World) -> None:
    world.tickets.during_read = lambda: None
    expected = world.tables["helpdesk.tickets"].expecting.of(world.tickets.found["42",], 1)
    world.kafka.indexer.apply([expected.change.model_copy(update={"position": Position("0000000000000070")})])


def test_a_row_that_never_rests_is_not_judged(world: World) -> None:
    remove(world)
    row = world.tickets.found["42",]
    world.tickets.during_read = lambda: world.tickets.put(**row.values)
    assert world.findings() == []
    assert world.report.unjudged == {("helpdesk.tickets", "changes too often"): 1}


def test_a_watermark_that_stands_still_is_said(world: World) -> None:
    remove(world)
    world.kafka.passed = NOWHERE
    with pytest.raises(Unavailable, match="is the stream job at work"):
        world.findings()


def test_a_row_that_nobody_may_see_is_rejected_and_must_not_be_there(world: World) -> None:
    world.tickets.put(**{**world.tickets.found["42",].values, "tenant_id": None})
    assert world.kinds(heal=True) == [("extra", "42"), ("grant_extra", "42")]
    assert world.findings() == []
    assert world.report.rejected == {("helpdesk.tickets", "no_permission"): 1}
    assert f"{TABLE}/42" not in world.store.records


def test_a_row_whose_text_is_refused_keeps_its_last_version_but_not_its_last_label(world: World) -> None:
    world.tickets.put(**{**world.tickets.found["42",].values, "body": "long " * 5_000})
    assert world.findings() == []
    assert world.report.rejected == {("helpdesk.tickets", "text_too_large"): 1}
    world.tickets.put(**{**world.tickets.found["42",].values, "team": "9"})
    assert ("mislabelled", "42") in world.kinds(heal=True)
    assert world.findings() == []
    assert world.store.records[f"{TABLE}/42"][0].text == "It is on fire."


def test_a_position_beyond_the_log_is_told_and_left_for_a_rebuild(world: World) -> None:
    world.alter(42, position=BEYOND)
    assert world.kinds(heal=True) == [("ahead", "42")]
    assert world.kinds() == [("ahead", "42")]
    assert world.kafka.changes == []


def test_content_at_a_position_beyond_the_log_is_healed_at_that_position(world: World) -> None:
    world.alter(42, position=BEYOND, title="Forged")
    assert world.kinds(heal=True) == [("stale", "42")]
    assert world.kafka.changes[-1].position == BEYOND
    assert world.kinds() == [("ahead", "42")]


def test_a_delete_takes_the_position_of_what_it_deletes_so_that_a_later_row_wins(world: World) -> None:
    add(world)
    held = world.store.records[f"{TABLE}/99"][0].position
    assert world.kinds(heal=True) == [("extra", "99")]
    assert (world.kafka.changes[-1].op, world.kafka.changes[-1].position) == ("delete", held)


def test_a_row_that_somebody_changes_just_now_is_left_as_it_is(world: World) -> None:
    remove(world)
    world.tickets.busy = {("42",)}
    assert world.kinds(heal=True) == [("missing", "42")]
    assert world.kafka.changes == []


def test_a_row_that_comes_while_its_record_is_deleted_is_published_after_the_delete(world: World) -> None:
    add(world)
    check = world.check()

    def come() -> None:
        """The row is inserted between the delete and the look after it."""
        if world.kafka.changes and ("99",) not in world.tickets.found:
            world.tickets.put(**{**world.tickets.found["42",].values, "id": "99"})

    looks = [
        (name, suspects, check.confirm(world.tables[name], name, suspects, look))
        for name, suspects, look in world.looks(check)
    ]
    name, suspects, findings = next(entry for entry in looks if entry[2])
    world.kafka.after_write = come
    world.repair(check).heal(world.tables[name], findings, suspects)
    assert [change.op for change in world.kafka.changes] == ["delete", "upsert"]
    assert f"{TABLE}/99" in world.store.records


def test_an_orphan_of_no_record_is_deleted_at_no_higher_position_than_the_log_has(world: World) -> None:
    row = world.store.records[f"{TABLE}/42"][0]
    world.store.loose.append(replace(row, record_id=f"{TABLE}/97", key="nonsense", chunk=3, position=BEYOND))
    assert world.kinds(heal=True) == [("extra", "97")]
    assert world.kafka.changes[-1].position < BEYOND
    assert world.findings() == []


def test_a_tombstone_in_the_way_does_not_keep_a_row_out(world: World) -> None:
    world.store.write([Version(f"{TABLE}/42", BEYOND, (), 1)])
    assert world.kinds(heal=True) == [("missing", "42")]
    assert f"{TABLE}/42" in world.store.records
