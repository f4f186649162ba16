"""The running product for live tests: the whole stack with the sample company, in a home of its own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pytest_docker.plugin import DockerComposeExecutor

import freshline
from infra.demo.steps import settled
from infra.local.apart import make_home
from infra.local.provider import COMPOSE_FILE, DockerProvider, StackProvider, compose_command, docker_works
from infra.local.stack import Stack
from schemas.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".freshline"
LIVE = ROOT / ".freshline-live"
"""Data of the last live run; a new run starts from nothing. Jars and models are shared with the user's own home."""

LAG_LIMIT = "6s"
"""Shorter than the default, so that a test need not wait long for the refusal."""

SNAPSHOT_S = 300.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--live-home", type=Path, help=f"where the stack's data lies, instead of {LIVE.name}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many live tests really ran: all that were skipped would look green, too."""
    ended = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    ran = {report.nodeid for report in ended if report.when == "call" and "tests/live/" in report.nodeid}
    terminalreporter.write_line(f"live tests run: {len(ran)}")


@pytest.fixture(scope="session")
def live_home(pytestconfig: pytest.Config) -> Path:
    home: Path = pytestconfig.getoption("--live-home", None) or LIVE
    Stack(home, report=print).erase()
    shutil.rmtree(home, ignore_errors=True)
    make_home(home, HOME)
    return home


@pytest.fixture(scope="session")
def provider(live_home: Path) -> Iterator[StackProvider]:
    """The stack's servers: containers where Docker works, native processes elsewhere."""
    provider: StackProvider = Stack(live_home, report=print)
    if docker_works():
        compose = DockerComposeExecutor(compose_command(live_home), [str(COMPOSE_FILE)], "freshline-live")
        provider = DockerProvider(live_home, compose.execute)
    yield provider
    Stack(live_home, report=print).down()
    provider.down()


@pytest.fixture(scope="session")
def settings(provider: StackProvider, live_home: Path) -> Settings:
    """Settings of the running product: servers, stream job and API, the sample company captured."""
    os.environ["FRESHLINE_PERMISSION_LAG_LIMIT"] = LAG_LIMIT
    os.environ["FRESHLINE_WEBHOOK_ALLOW"] = "127.0.0.0/8"
    settings = freshline.start_all(provider, live_home)
    with freshline.open_stage(settings) as stage:
        settled(stage, since_ms=1, progress=lambda done: None, patience_s=SNAPSHOT_S)
    return settings


@pytest.fixture
def company(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the sample company's database, in autocommit."""
    with psycopg.connect(freshline.dsn(settings), autocommit=True) as connection:
        yield connection
