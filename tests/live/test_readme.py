"""The README is true: each of its commands works, and what it quotes is what is there."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from schemas.contract import Contract
from schemas.settings import Settings

pytestmark = pytest.mark.live

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line]
MAKE = [line for line in COMMANDS if line.startswith("make ")]
OTHERS = [line for line in COMMANDS if not line.startswith(("make ", ". "))]


@pytest.mark.parametrize("command", OTHERS)
def test_a_command_of_the_readme_works(command: str, settings: Settings) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f". .venv/bin/activate; {command}"],
        cwd=ROOT,
        env={**os.environ, "FRESHLINE_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", MAKE)
def test_a_make_command_of_the_readme_is_run_by_ci(command: str) -> None:
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_contract_shown_is_the_sample_contract() -> None:
    shown, _ = blocks("yaml")
    assert shown in (ROOT / "connectors" / "sources" / "helpdesk.yaml").read_text()


def test_the_outbox_shown_is_part_of_a_right_contract() -> None:
    _, shown = blocks("yaml")
    rest = {"source": "helpdesk", "connector": {"plugin": "postgres", "config": "helpdesk.debezium.json"}}
    contract = Contract.model_validate({**rest, **yaml.safe_load(shown)})
    assert list(contract.aggregates()) == ["helpdesk.outbox.ticket", "helpdesk.outbox.membership"]


def test_every_file_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
