"""The examples over the running product: each as a program of its own, as the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from live_stage import new_ticket

from schemas.settings import Settings

pytestmark = pytest.mark.live

ROOT = Path(__file__).resolve().parents[2]
ON_RECORD = re.compile(r"on record as [0-9a-f]{32}$", re.MULTILINE)


def run(settings: Settings, example: str, *options: str) -> tuple[int, str]:
    """Exit code and what it prints; at most a minute."""
    done = subprocess.run(
        [sys.executable, f"examples/{example}.py", *options],
        cwd=ROOT,
        env={**os.environ, "FRESHLINE_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_a_reviewer_passes_what_is_quoted_right(settings: Settings) -> None:
    code, said = run(settings, "role_pair", "--as", "alice")
    assert code == 0, said
    assert "INV-77310" in said
    assert re.search(r"^reviewer: completed, on record as [0-9a-f]{32}$", said, re.MULTILINE)
    assert "the reviewer cannot search: forbidden" in said


def test_each_person_s_agents_find_what_that_person_may_see(settings: Settings) -> None:
    code, said = run(settings, "role_pair", "--as", "bob")
    assert code == 0, said
    assert "pgw-3" in said
    assert "INV-77310" not in said


def test_a_reviewer_declines_what_stands_in_no_record(settings: Settings) -> None:
    code, said = run(settings, "role_pair", "--as", "alice", "--careless")
    assert code == 1, said
    assert "reviewer objects: [1] these words do not stand in the record" in said
    assert "reviewer: declined, on record" in said


def test_the_graph_answers_with_what_was_committed_a_moment_ago(
    settings: Settings, company: psycopg.Connection[Any]
) -> None:
    ticket = new_ticket(company, "Saffron Kiosk: the tablet mount is loose")
    (place,) = company.execute("SELECT pg_current_wal_lsn()").fetchone() or ("",)
    try:
        about = "What is known about the tablet mount of Saffron Kiosk?"
        code, said = run(settings, "graph_flow", "--as", "alice", "--question", about, "--after", f"helpdesk={place}")
    finally:
        company.execute("DELETE FROM helpdesk.tickets WHERE id = %s", [ticket])
    assert code == 0, said
    steps = re.findall(r"^step: (\w+)$", said, re.MULTILINE)
    assert (steps[0], set(steps[1:-2]), steps[-2:]) == ("route", {"retrieve"}, ["write", "record"])
    assert "Nothing is known yet." in said
    assert ON_RECORD.search(said)


def test_the_graph_gives_up_in_words_when_what_is_asked_for_never_comes(settings: Settings) -> None:
    code, said = run(settings, "graph_flow", "--as", "alice", "--after", "helpdesk=FFFFFFFF/0")
    assert code == 1, said
    assert said.count("step: retrieve") == 3
    assert "no answer: not_yet_searchable" in said


def test_a_planner_s_specialists_see_their_source_alone_and_the_chain_is_on_record(settings: Settings) -> None:
    code, said = run(settings, "planner", "--as", "dave")
    assert code == 0, said
    found = re.findall(r"^planner ▸ (\w+): (\d) of (\w+): .+\n  asking (\w+): (.+)$", said, re.MULTILINE)
    refused = "invalid_question; asking on: row_budget_spent"
    assert found == [
        ("support", "3", "helpdesk", "crm", refused),
        ("sales", "3", "crm", "helpdesk", refused),
        ("handbook", "3", "wiki", "helpdesk", refused),
    ]
    assert ON_RECORD.search(said)
