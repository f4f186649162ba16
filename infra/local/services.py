"""Freshline's own processes as parts of the local stack: the stream job and the API."""

import hashlib
import os
import sys
from pathlib import Path
from typing import ClassVar

import httpx
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from infra.local.home import HOST, Home, Ports
from infra.local.part import Part, Report, inherited_environment
from infra.local.processes import Launch
from schemas.settings import PREFIX, Settings

CODE = Path(__file__).resolve().parents[2]
ROOMS = ("schemas", "connectors", "index", "streams", "query")


class Service(Part):
    """A command of ours, restarted when its code, its contracts or its settings have changed."""

    service: ClassVar[bool] = True
    command: ClassVar[str]

    def __init__(self, home: Home, ports: Ports, report: Report) -> None:
        super().__init__(home, ports.get(self.name, 0), report)

    def settings(self) -> Settings:
        """What the process will read; Misconfigured if that is not usable."""
        return Settings.load({**os.environ, f"{PREFIX}HOME": str(self.home.root)})

    def launch(self) -> Launch:
        settings = self.settings()
        given = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
        environment = {
            **inherited_environment(),
            **given,
            f"{PREFIX}HOME": str(self.home.root),
            f"{PREFIX}SOURCES": str(settings.sources.absolute()),
            "PYTHONUNBUFFERED": "1",
        }
        return Launch(
            command=[sys.executable, str(CODE / "freshline.py"), self.command],
            environment=environment,
            folder=self.home.root,
            fingerprint=fingerprint(settings, environment),
        )


class Worker(Service):
    """The stream job under its supervisor. Healthy when its consumer group is at work."""

    name: ClassVar[str] = "worker"
    command: ClassVar[str] = "work"
    needs = ("kafka", "milvus")

    def healthy(self) -> bool:
        try:
            settings = self.settings()
            admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 0})
            asked = admin.describe_consumer_groups([settings.group], request_timeout=3.0)
            group = asked[settings.group].result(5.0)
        except Exception:  # whatever Kafka's client raises: it is not healthy
            return False
        return group.state is ConsumerGroupState.STABLE and bool(group.members)


class Api(Service):
    """The fresh-context API. Healthy when it answers at all: what it answers depends on the others."""

    name: ClassVar[str] = "api"
    command: ClassVar[str] = "serve"
    needs = ("kafka", "milvus")

    def healthy(self) -> bool:
        try:
            return httpx.get(f"http://{HOST}:{self.port}/healthz", timeout=3.0, trust_env=False).is_success
        except httpx.HTTPError:
            return False


def fingerprint(settings: Settings, environment: dict[str, str]) -> str:
    """Names what a service runs with: code, contracts, settings. Equal exactly where nothing has changed."""
    digest = hashlib.sha256(repr(sorted(environment.items())).encode())
    digest.update(settings.model_dump_json().encode())
    code = [CODE / "freshline.py", *(file for room in ROOMS for file in sorted((CODE / room).rglob("*.py")))]
    for file in (*code, *sorted(settings.sources.glob("*"))):
        digest.update(str(file).encode() + file.read_bytes())
    return digest.hexdigest()
