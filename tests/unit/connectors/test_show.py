"""What people see of the sources: one look tells what is wrong, nothing is cut, piped or at 80 columns."""

import io
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from connectors.connect_api import ConnectorStatus
from connectors.dead_letter_show import letters_view
from connectors.dead_letters import Entry
from connectors.plan import Step
from connectors.show import plan_view, status_view
from connectors.status import Snapshot, SourceReport, Status
from schemas.change import Origin
from schemas.table_state import TableState

WELL = SourceReport(
    source="helpdesk",
    connector=ConnectorStatus("RUNNING", ("RUNNING",)),
    snapshot=Snapshot("done", 7, 7),
    raw_backlog=0,
    changes_backlog=0,
    expired=0,
    watermark_ms=1,
    lag_ms=400,
    dead_letters=0,
)
LONG = "PSQLException: " + "the replication slot is gone [wal, removed] " * 8
STOPPED = TableState(
    topic="helpdesk.public.a", source="helpdesk", table="public.a", state="stopped", at_ms=0, contract="", reason=LONG
)


def shown(view: RenderableType, terminal: bool = False) -> str:
    colours = "standard" if terminal else None
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=colours)
    console.print(view, soft_wrap=not terminal)
    return console.file.getvalue()  # type: ignore[attr-defined]


def of(**changed: object) -> Status:
    return Status((replace(WELL, **changed),), {})  # type: ignore[arg-type]


def test_a_source_that_does_well_is_a_row_in_80_columns_and_nothing_else() -> None:
    lines = shown(status_view(of())).splitlines()
    assert max(map(len, lines)) <= 80
    assert "│ helpdesk │ RUNNING" in lines[-2]
    assert "0.4 s" in lines[-2]


@pytest.mark.parametrize(
    ("connector", "worst"),
    [
        (ConnectorStatus("RUNNING", ("RUNNING",)), "RUNNING"),
        (ConnectorStatus("RUNNING", ("RUNNING", "FAILED", "PAUSED")), "FAILED"),
        (ConnectorStatus("PAUSED", ("FAILED",)), "FAILED"),
        (ConnectorStatus("RUNNING", ("UNASSIGNED",)), "UNASSIGNED"),
        (ConnectorStatus("PAUSED", ("PAUSED",)), "PAUSED"),
        (ConnectorStatus("RUNNING"), "NO TASK"),
        (ConnectorStatus("ABSENT"), "ABSENT"),
    ],
)
def test_the_worst_state_of_connector_and_tasks_is_the_one_to_see(connector: ConnectorStatus, worst: str) -> None:
    assert connector.worst == worst


def test_a_failed_task_is_red_although_its_connector_runs_and_its_error_is_whole() -> None:
    status = of(connector=ConnectorStatus("RUNNING", ("FAILED",), (LONG,)))
    assert "\x1b[31mFAILED" in shown(status_view(status), terminal=True)
    assert f"helpdesk: {LONG}" in shown(status_view(status)).splitlines()


def test_a_stopped_table_says_why_and_how_it_goes_on() -> None:
    lines = shown(status_view(of(stopped=(STOPPED,)))).splitlines()
    assert lines[-2] == f"helpdesk public.a stopped at 1970-01-01 00:00:00 UTC: {LONG}"
    assert lines[-1].endswith("freshline sources resume helpdesk public.a")


def test_a_table_that_does_not_log_enough_says_what_to_run_and_that_a_repair_follows() -> None:
    gap = "public.a: an unchanged large value of 'b' (real[]) is not logged; ALTER TABLE public.a REPLICA IDENTITY FULL"
    lines = shown(status_view(of(not_logged=(gap,)))).splitlines()
    assert lines[-2] == f"helpdesk {gap}"
    assert lines[-1].endswith("freshline verify helpdesk --repair")


def test_lost_messages_are_red_with_what_to_do() -> None:
    status = of(expired=30)
    assert "\x1b[31mhelpdesk: Kafka dropped 30 messages" in shown(status_view(status), terminal=True)
    assert "freshline sources remove helpdesk, then freshline sources apply" in shown(status_view(status))


def test_a_snapshot_that_runs_says_how_far_it_is() -> None:
    assert "3/? rows" in shown(status_view(of(snapshot=Snapshot("running", 3, None))))


def test_dead_letters_of_no_configured_source_are_shown() -> None:
    text = shown(status_view(Status((WELL,), {"": 1, "gone": 2})))
    assert "dead letters of no known source: 1" in text
    assert "dead letters of source 'gone', which has no contract: 2" in text


def test_a_plan_is_a_line_a_change_whole_and_as_written() -> None:
    detail = "captures public\\.[a-z]+," + "public\\.orders," * 10
    steps = [Step("topic", "shop.message", "unchanged"), Step("connector", "shop", "create", detail)]
    leftover = Step("connector", "old", "remove", "has no contract any more: freshline sources remove old")
    assert shown(plan_view([*steps, leftover])).splitlines() == [
        f"create  connector shop: {detail}",
        "remove  connector old: has no contract any more: freshline sources remove old",
        "1 topics and connectors are as they should be",
    ]


def test_a_dead_letter_is_three_whole_lines_and_the_counts_come_last() -> None:
    origin = Origin(topic="helpdesk.helpdesk.tickets", partition=2, offset=4711)
    letter = Entry(origin, 0, 4711, 0, "helpdesk", "helpdesk.tickets", "no_permission", LONG, None, '{"id":7}', 10)
    assert shown(letters_view([letter, letter], 1)).splitlines() == [
        "helpdesk.helpdesk.tickets/2/4711",
        '   1970-01-01T00:00:00Z · helpdesk · helpdesk.tickets · {"id":7}',
        f"   no_permission: {LONG.strip()}",
        "2 dead letters: 2 no_permission (1 older ones are not shown)",
    ]
