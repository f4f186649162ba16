"""The stream job and the API as parts: when they are healthy, and what they are started with."""

from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupState

from infra.local import services
from infra.local.connect import Connect
from infra.local.home import PORTED, Home
from infra.local.services import Worker, fingerprint
from schemas.settings import Settings

PORTS = {name: 20_000 + number for number, name in enumerate(PORTED)}


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(Home(tmp_path), PORTS, print)


def group(monkeypatch: pytest.MonkeyPatch, state: ConsumerGroupState, *clients: str) -> None:
    found: Future[Any] = Future()
    found.set_result(SimpleNamespace(state=state, members=[SimpleNamespace(client_id=name) for name in clients]))
    admin = SimpleNamespace(describe_consumer_groups=lambda *_, **__: {"freshline": found})
    monkeypatch.setattr(services, "AdminClient", lambda options: admin)


def children(monkeypatch: pytest.MonkeyPatch, worker: Worker, *pids: int) -> None:
    process = SimpleNamespace(children=lambda: [SimpleNamespace(pid=pid) for pid in pids])
    monkeypatch.setattr(worker, "process", lambda: process)


@pytest.mark.parametrize(
    ("state", "clients", "healthy"),
    [
        (ConsumerGroupState.STABLE, ["freshline-7"], True),
        (ConsumerGroupState.STABLE, ["freshline-6", "freshline-7"], True),
        (ConsumerGroupState.STABLE, ["freshline-6"], False),
        (ConsumerGroupState.STABLE, [], False),
        (ConsumerGroupState.PREPARING_REBALANCING, ["freshline-7"], False),
    ],
    ids=["mine", "mine beside another", "a dead one whose session has not ended", "nobody", "not yet at work"],
)
def test_a_worker_is_healthy_when_its_own_living_child_is_in_the_group(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, state: ConsumerGroupState, clients: list[str], healthy: bool
) -> None:
    group(monkeypatch, state, *clients)
    children(monkeypatch, worker, 7)
    assert worker.healthy() is healthy


def test_a_worker_whose_supervisor_has_ended_is_not_healthy(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    group(monkeypatch, ConsumerGroupState.STABLE, "freshline-7")
    assert worker.healthy() is False


def test_a_relative_secret_file_is_found_from_where_the_service_runs(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRESHLINE_MILVUS_TOKEN_FILE", "keys/token")
    environment = worker.launch().environment
    assert environment["FRESHLINE_MILVUS_TOKEN_FILE"] == str(tmp_path / "keys/token")
    assert "FRESHLINE_PG_PASSWORD_FILE" not in environment


def test_a_folder_among_the_contracts_is_no_obstacle_and_a_changed_contract_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "drafts").mkdir()
    (tmp_path / "shop.yaml").write_text("source: shop")
    settings = Settings(sources=tmp_path)
    before = fingerprint(settings, {})
    (tmp_path / "shop.yaml").write_text("source: other")
    assert fingerprint(settings, {}) != before


def test_another_source_variable_restarts_connect_and_shows_its_value_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    home.create()
    home.postgres_password.write_text("p")
    connect = Connect(home, PORTS, print)
    found = [connect.launch().fingerprint]
    for value in ("one", "two"):
        monkeypatch.setenv("SOURCE_PASSWORD", value)
        launch = connect.launch()
        assert launch.environment["SOURCE_PASSWORD"] == value
        found.append(launch.fingerprint)
    monkeypatch.setenv("ANOTHER_PASSWORD", "three")
    assert connect.launch().fingerprint == found[-1]
    assert len(set(found)) == 3
