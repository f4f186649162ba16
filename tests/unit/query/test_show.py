"""What people see of answers: whole, in 80 columns and piped, and never steering their terminal."""

import io

import pytest
from rich.console import Console, RenderableType

from query.show import answer_view, freshness_view
from schemas.answer import Answer, Hit, SourceStatus

TEXT = "The gateway times out after thirty seconds [retry, later] and the basket of the customer is lost. " * 3
WHY = ["user:alice@northwind.example", "team:payments#member", "reader of the ticket helpdesk/helpdesk.tickets/17"]


def hit(**changed: object) -> Hit:
    fields = {
        "record_id": "helpdesk/helpdesk.tickets/17",
        "source": "helpdesk",
        "table": "helpdesk.tickets",
        "key": {"id": 17},
        "title": "Checkout [EU] fails",
        "text": TEXT,
        "url": "",
        "metadata": {},
        "score": 0.7124,
        "relevance": 0.8121,
        "similarity": 0.8121,
        "freshness": 0.8772,
        "commit_ms": 0,
        "event_ms": 0,
        "age_ms": 90_000,
        "position": "1",
        "chunk": 0,
        "why": WHY,
    }
    return Hit.model_validate({**fields, **changed})


def answer(*hits: Hit) -> Answer:
    return Answer(hits=list(hits), sources=[], exact=True, answered_ms=0, timings={})


def shown(view: RenderableType, terminal: bool = False) -> str:
    colours = "standard" if terminal else None
    console = Console(file=io.StringIO(), width=80, force_terminal=terminal, color_system=colours)
    console.print(view, soft_wrap=not terminal)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_hit_is_a_line_of_figures_then_what_it_says_and_why_each_whole() -> None:
    lines = shown(answer_view("Why?", "alice", answer(hit()))).splitlines()
    assert lines[0] == "alice: Why?"
    assert lines[3] == " 1 0.712 = 0.812 × 0.877 · 1.5 min · helpdesk/helpdesk.tickets/17"
    assert lines[4] == "   Checkout [EU] fails"
    assert lines[5] == f"   {TEXT[:239]}…"
    assert lines[6] == f"   visible by {' → '.join(WHY)}"
    assert len(lines) == 7


def test_on_a_terminal_of_80_columns_long_text_is_set_in_and_nothing_is_lost() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(answer_view("Why?", "alice", answer(hit())))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= 80
    assert all(line.startswith("   ") for line in lines[4:])
    assert " ".join("".join(lines[5:-2]).split()).startswith(TEXT[:100])


def test_piped_there_is_no_escape_code_and_on_a_terminal_there_is_colour() -> None:
    view = answer_view("Why?", "alice", answer(hit()))
    console = Console(file=io.StringIO())
    console.print(view)
    assert "\x1b" not in console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[1;32m0.712" in shown(view, terminal=True)


def test_data_never_steers_the_terminal() -> None:
    evil = "\x1b[2Jgone\u202e"
    view = answer_view("Why?", "alice", answer(hit(title=evil, text=evil, record_id=evil, why=[evil])))
    assert "\x1b[2J" not in shown(view)
    assert shown(view).count("\\x1b[2Jgone\\u202e") == 4


def test_no_more_hits_are_shown_than_asked_for_and_none_is_said() -> None:
    assert shown(answer_view("Why?", "alice", answer(hit(), hit()), rows=1)).count("visible by") == 1
    assert "nothing that may be shown matches" in shown(answer_view("Why?", "alice", answer()))


@pytest.mark.parametrize("state", ["fresh", "withheld"])
def test_the_freshness_of_a_source_is_a_row_its_detail_a_whole_line(state: str) -> None:
    detail = "its watermark is so far behind that its permissions cannot be trusted, so nothing of it is shown now"
    status = SourceStatus.model_validate(
        {"source": "helpdesk", "state": state, "watermark_ms": 1, "lag_ms": 250, "slo_ms": 2000, "detail": detail}
    )
    text = shown(freshness_view([status]))
    assert f"helpdesk: {detail}" in text.splitlines()
    assert "1970-01-01 00:00:00.001" in text
    assert max(map(len, text.splitlines()[:-1])) <= 80
