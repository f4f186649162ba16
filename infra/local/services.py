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
from schemas.topics import worker_client

CODE = Path(__file__).resolve().parents[2]
FILES = tuple(
    PREFIX + name for name in ("MILVUS_TOKEN_FILE", "PG_PASSWORD_FILE", "OIDC_JWKS_FILE", "DECISIONS_PASSWORD_FILE")
)
"""Variables that name a file, as seen from where `up` is called: the services run elsewhere."""
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
        files = {name: str(Path(given[name]).absolute()) for name in FILES if given.get(name)}
        environment = {
            **inherited_environment(),
            **given,
            **files,
            f"{PREFIX}HOME": str(self.home.root),
            f"{PREFIX}SOURCES": str(settings.sources.absolute()),
            f"{PREFIX}POLICIES": str(settings.policies.absolute()),
            "PYTHONUNBUFFERED": "1",
        }
        return Launch(
            command=[sys.executable, str(CODE / "freshline.py"), self.command],
            environment=environment,
            folder=self.home.root,
            fingerprint=fingerprint(settings, environment),
        )


class Worker(Service):
    """The stream job under its supervisor. Healthy when a worker of this supervisor is a member of a group at work:
    Kafka keeps a dead worker as a member until its session ends."""

    name: ClassVar[str] = "worker"
    command: ClassVar[str] = "work"
    needs = ("kafka", "milvus")

    def healthy(self) -> bool:
        try:
            settings = self.settings()
            admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 0})
            asked = admin.describe_consumer_groups([settings.group], request_timeout=3.0)
            group = asked[settings.group].result(5.0)
            process = self.process()
            ours = {worker_client(child.pid) for child in process.children()} if process else set()
        except Exception:  # whatever Kafka's client raises, or the process has just ended: it is not healthy
            return False
        members = {member.client_id for member in group.members}
        return group.state is ConsumerGroupState.STABLE and not ours.isdisjoint(members)


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
    contracts = [file for file in sorted(settings.sources.glob("*")) if file.is_file()]
    for file in (*code, *contracts):
        digest.update(str(file).encode() + file.read_bytes())
    return digest.hexdigest()
