"""A short run of chaos, from nothing, in a home of its own: a few faults, and not one thing wrong."""

import json
from pathlib import Path

import pytest
from rich.console import Console

import freshline
from infra.chaos.play import play
from infra.chaos.result import DIFFERENCES
from infra.chaos.run import Plan

pytestmark = [pytest.mark.live, pytest.mark.long]

HOME = Path(__file__).resolve().parents[2] / ".freshline"
SECONDS = 40.0


def test_nothing_is_lost_and_nobody_sees_what_is_not_hers_while_things_break(tmp_path: Path) -> None:
    for shared in ("jars", "models"):
        (tmp_path / shared).symlink_to(HOME / shared)
    with (tmp_path / "console").open("w") as file:
        result = play(Plan(SECONDS, 1, 2), tmp_path, freshline.open_chaos, Console(file=file, width=150))
    assert result.ok, "\n".join(result.details())
    told = json.loads((tmp_path / "chaos.json").read_text())
    assert {name: told[name] for name in DIFFERENCES} == dict.fromkeys(DIFFERENCES, 0)
    assert sum(told["faults"].values()) >= 2
    assert told["recovery_ms"]["max"] > 0
