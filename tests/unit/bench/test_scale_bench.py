"""The work that grows, and what is made of what it cost."""

import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest

from bench.common.result import Result
from bench.scale.changes import NEW_EVERY, changes
from bench.scale.crew import ROLES, Crew
from bench.scale.run import COST, HALVES_FILLED, HALVES_MEMORY, MEMORY, WORKER_COST, ratios
from bench.scale.shown import section
from bench.scale.spent import PARTS, Spent
from schemas.errors import Unavailable


def rows_of(count: int) -> list[tuple[str, dict[str, Any]]]:
    events = [orjson.loads(event.value or b"") for event in islice(changes(6), count)]
    return [(event["op"], event["after"]) for event in events]


def test_the_same_seed_gives_the_same_events() -> None:
    assert rows_of(300) == rows_of(300)


def test_a_tenth_of_the_events_add_a_row_and_no_text_ever_changes() -> None:
    rows = rows_of(5_000)
    added = [row for op, row in rows if op == "c"]
    assert len(added) == len(rows) / NEW_EVERY
    texts = {row["id"]: row["body"] for row in added}
    assert all(row["body"] == texts[row["id"]] for _, row in rows)
    assert len({row["body"] for row in added}) == len(added)


def test_most_changes_are_of_the_newest_rows() -> None:
    newest, near, changed = 0, 0, 0
    for op, row in rows_of(20_000):
        if op == "c":
            newest = row["id"]
        elif newest > 1_000:
            changed += 1
            near += row["id"] > newest - 100
    assert near / changed > 0.95


def test_costs_are_microseconds_of_each_part_for_an_event() -> None:
    before, after = Spent(dict.fromkeys(PARTS, 1.0)), Spent(dict.fromkeys(PARTS, 1.5))
    assert after.each(before, 5_000) == {**dict.fromkeys(PARTS, 100.0), "all": 300.0}


def half(*lines: str) -> "subprocess.Popen[str]":
    """A process that answers the first line it gets by these."""
    program = f"input(); print({chr(10).join(lines)!r}, flush=True); input()"
    return subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def ended(crew: Crew) -> None:
    for one in crew.halves.values():
        one.kill()
        one.communicate()


def test_both_halves_are_through_when_the_crew_has_advanced() -> None:
    crew, offered = Crew({"intake": half("2", "5"), "indexing": half("5")}, Path()), []
    try:
        crew.advance(5, lambda: offered.append(True))
    finally:
        ended(crew)
    assert (crew.done, offered) == (5, [True])
    assert [events for events, _ in crew.memory] == [5]
    assert crew.memory[0][1].keys() == {*ROLES}


def test_memory_is_looked_at_every_so_many_events() -> None:
    crew = Crew({"intake": half("30000"), "indexing": half("4000", "12000", "16000", "24000", "30000")}, Path())
    try:
        crew.advance(30_000, lambda: None)
    finally:
        ended(crew)
    assert [events for events, _ in crew.memory] == [12_000, 24_000, 30_000]


def test_a_half_that_ends_before_it_is_through_is_told_of() -> None:
    gone = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    crew = Crew({"intake": gone}, Path("home"))
    try:
        with pytest.raises(Unavailable, match=r"home/logs/intake\.log"):
            crew.advance(5, lambda: None)
    finally:
        gone.communicate()


def visited(cost: float, memory: float) -> dict[str, Any]:
    return {
        "us_per_event": {**dict.fromkeys(PARTS, cost), "all": 3 * cost},
        "us_per_event_on_the_way": {**dict.fromkeys(PARTS, cost / 2), "all": 1.5 * cost},
        "events_a_second": 1_200,
        "memory_mb": dict.fromkeys(PARTS, memory),
        "workers_start_s": 4.5,
        "takeover_s": 11.5,
        "milvus_restart_s": 2.5,
        "api_ready_s": 3.5,
    }


def test_ratios_compare_the_last_size_with_the_first_and_quarters_of_the_run() -> None:
    memory = [(number, {"intake": 40.0, "indexing": float(number)}) for number in range(10, 401, 10)]
    assert ratios([visited(100.0, 90.0), visited(500.0, 500.0), visited(110.0, 99.0)], memory) == {
        COST: 1.1,
        WORKER_COST: 1.1,
        MEMORY: 1.1,
        HALVES_MEMORY: round((40 + 355) / (40 + 155), 3),
        HALVES_FILLED: round((40 + 355) / 50, 3),
    }


def test_the_section_shows_each_size_and_each_crew() -> None:
    measured = {
        "grown": {"10000": visited(300.0, 90.4), "100000": visited(310.0, 95.0)},
        "crews": {"1 on 1": visited(400.0, 80.0)},
        "memory_mb": [[10_000 * number, {"intake": 80.0 + number, "indexing": 90.0}] for number in range(1, 5)],
    }
    given = {
        "events": [10_000, 100_000],
        "records": [1_000, 10_000],
        "changes": "some",
        "batch_on_the_way": 4_000,
        "measured_events": 6_000,
    }
    shown = section(Result("", given, {COST: 1.0}, measured))
    assert "| 100,000 | 310 | 310 | 310 | 930 | 1,200 | 155 | 155 | 155 | 465 |" in shown.markdown
    assert "| 10,000 | 90 | 90 | 90 | 4.5 | 11.5 | 2.5 | 3.5 |" in shown.markdown
    assert "began with 81 + 90 MB and had 82 + 90 MB in its second quarter and 84 + 90 MB in" in shown.markdown
    assert "| 1 on 1 | 400 | 400 | 400 | 1,200 | 1,200 | 80 |" in shown.markdown
    assert [plot.name for plot in shown.plots] == ["scale", "scale-memory"]
