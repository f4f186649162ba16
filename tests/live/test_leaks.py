"""A sample of the leak test, from nothing, in a home of its own: nobody sees too much or too little."""

import json
from pathlib import Path

import pytest
from rich.console import Console

import freshline
from infra.leaks.play import Plan, play
from infra.leaks.revocations import KINDS

pytestmark = pytest.mark.live

HOME = Path(__file__).resolve().parents[2] / ".freshline"
ANSWERS, REVOCATIONS = 300, 3


def test_everybody_sees_exactly_what_may_be_seen_and_revoked_rows_are_gone(tmp_path: Path) -> None:
    for shared in ("jars", "models"):
        (tmp_path / shared).symlink_to(HOME / shared)
    with (tmp_path / "console").open("w") as file:
        result = play(Plan(ANSWERS, REVOCATIONS, 1), tmp_path, freshline.open_leaks, Console(file=file, width=150))
    assert result.ok, "\n".join(result.details())
    told = json.loads((tmp_path / "leaks.json").read_text())
    assert told["answers"] >= ANSWERS
    assert (told["leaks"], told["wrongly_withheld"]) == (0, 0)
    assert {kind: taken["n"] for kind, taken in told["revocation_ms"].items()} == dict.fromkeys(KINDS, REVOCATIONS)
