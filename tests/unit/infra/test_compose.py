"""compose.yaml is the same stack: its structure, checked without an engine."""

import re
from typing import Any

import pytest
import yaml

from infra.local.jars import POM
from infra.local.kafka import broker_settings
from infra.local.provider import COMPOSE_FILE, compose_command

TEXT = COMPOSE_FILE.read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["services"]


def test_the_services_are_the_parts() -> None:
    assert set(SERVICES) == {"postgres", "kafka", "connect", "milvus"}


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_a_health_check_and_is_published_on_loopback_only(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["ports"]
    assert all(port.startswith(f"127.0.0.1:${{FRESHLINE_{name.upper()}_PORT:-") for port in service["ports"])


@pytest.mark.parametrize("name", ["postgres", "kafka", "milvus"])
def test_images_are_pinned_and_come_from_no_named_host(name: str) -> None:
    assert re.fullmatch(r"[a-z]+(/[a-z]+)?:v?\d[\w.]*", SERVICES[name]["image"])


def test_passwords_are_required_from_outside() -> None:
    passwords = re.findall(r"password\w*\s*:\s*(.+)", TEXT, flags=re.IGNORECASE)
    assert len(passwords) == 3
    assert all(re.match(r'"?\$\{FRESHLINE_\w+_PASSWORD:\?', value) for value in passwords)


def test_kafka_is_the_version_of_the_pom_and_has_the_native_settings() -> None:
    kafka = SERVICES["kafka"]
    version = re.search(r"<kafka.version>(.+)</kafka.version>", POM.read_text())
    assert version is not None
    assert kafka["image"] == f"apache/kafka:{version[1]}"
    native = {f"KAFKA_{k.upper().replace('.', '_')}": str(v) for k, v in broker_settings(1, 2, "d").items()}
    different = {"LISTENERS", "ADVERTISED_LISTENERS", "LOG_DIRS", "CONTROLLER_QUORUM_VOTERS"}
    shared = native.keys() & kafka["environment"].keys() - {f"KAFKA_{name}" for name in different}
    assert len(shared) >= 12
    assert {name: str(kafka["environment"][name]) for name in shared} == {name: native[name] for name in shared}


def test_connect_is_built_here_and_waits_for_what_it_needs() -> None:
    connect = SERVICES["connect"]
    assert (COMPOSE_FILE.parent / connect["build"]["context"] / connect["build"]["dockerfile"]).is_file()
    assert set(connect["depends_on"]) == {"postgres", "kafka"}


def test_compose_gets_passwords_by_an_owner_only_file(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.local.provider.becomes_free", lambda port: True)
    command = compose_command(tmp_path)
    file = tmp_path / "secrets" / "compose.env"
    variables = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert command == f"docker compose --env-file {file}"
    assert file.stat().st_mode & 0o777 == 0o600
    asked = set(re.findall(r"\$\{(FRESHLINE_\w+)", TEXT))
    assert asked <= set(variables)
    token = (tmp_path / "secrets" / "milvus.token").read_text()
    assert token == f"root:{variables['FRESHLINE_MILVUS_PASSWORD']}"
    assert compose_command(tmp_path) == command
    assert (tmp_path / "secrets" / "milvus.token").read_text() == token
