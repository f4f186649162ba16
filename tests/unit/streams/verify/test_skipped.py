"""What verify cannot compare it says, and it is no difference."""

from io import StringIO

from recorded_kinds import aggregate
from rich.console import Console
from stream_stage import CONTRACT

from schemas.contract import Contract
from streams.verify.report import Report
from streams.verify.run import _skipped

WITH_OUTBOX = Contract.model_validate(
    {
        **CONTRACT.model_dump(mode="json"),
        "outboxes": {"helpdesk.outbox": {"aggregates": {"ticket": aggregate(upserts=["Opened"])}}},
    }
)
NAME = "helpdesk.outbox.ticket"


def test_aggregate_types_are_skipped_and_named_to_people_and_programs() -> None:
    report = Report("helpdesk", skipped=_skipped(WITH_OUTBOX, None))
    [told] = report.as_json()["skipped"]
    assert (told["table"], "events" in told["reason"], report.clean) == (NAME, True, True)
    out = StringIO()
    Console(file=out, width=200).print(report.as_table())
    assert f"{NAME} is not compared: the source holds events of it" in out.getvalue()


def test_only_what_was_asked_for_is_named() -> None:
    assert _skipped(WITH_OUTBOX, "helpdesk.tickets") == {}
    assert list(_skipped(WITH_OUTBOX, NAME)) == [NAME]
    assert _skipped(CONTRACT, None) == {}
