"""The demo as a test: the same steps on the same real parts."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

import freshline
from infra.demo.demo import Record, Show, play
from query.show import answer_view, freshness_view
from schemas.settings import Settings

pytestmark = pytest.mark.live

STEPS = ["up", "snapshot", "permissions", "update", "revoke", "delete", "freshness", "next"]


def test_a_committed_row_becomes_a_permitted_fresh_answer_and_goes_when_revoked_or_deleted(
    settings: Settings, tmp_path: Path
) -> None:
    record, console = tmp_path / "demo.json", Console(file=io.StringIO(), width=150)
    play(Record(record, console), lambda: freshline.open_stage(settings), Show(answer_view, freshness_view), console)
    told = json.loads(record.read_text())
    assert told["ok"] is True
    assert [(step["name"], step["ok"]) for step in told["steps"]] == [(name, True) for name in STEPS]
    assert told["commit_to_answer_ms"]["n"] >= 50
    assert 0 < told["commit_to_answer_ms"]["p50"] <= told["commit_to_answer_ms"]["p99"]


def test_the_demo_plays_again_on_what_it_left_behind(settings: Settings, tmp_path: Path) -> None:
    record, console = tmp_path / "demo.json", Console(file=io.StringIO(), width=150)
    play(Record(record, console), lambda: freshline.open_stage(settings), Show(answer_view, freshness_view), console)
    assert json.loads(record.read_text())["ok"] is True
