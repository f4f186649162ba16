"""Kafka Connect in distributed mode (one worker) with the Debezium plugin; REST on loopback."""

import hashlib
import os
import re
from pathlib import Path
from typing import ClassVar

import httpx

from infra.local.home import DATABASE, HOST, SUPERUSER, Home, Ports, answers
from infra.local.jars import java, properties
from infra.local.part import Part, Report, inherited_environment
from infra.local.processes import Launch, replace_text
from schemas.settings import read_secret

HEAP_MB = 256
VISIBLE_VARIABLES = r"^(COMPANY|SOURCE)_[A-Z0-9_]+$"
"""The environment variables a connector config may name as ${env:NAME}; it can read no other."""


class Connect(Part):
    """Connector configs name secrets and addresses, never hold them:

    - `${env:COMPANY_HOST}`, `_PORT`, `_DATABASE`, `_USER`, `_PASSWORD`: the demo database;
    - `${env:SOURCE_…}`: what the caller of `up` had in its environment by such a name when Connect started;
    - `${dir:<home>/secrets:FILE}`: a whole file;
    - `${file:<home>/secrets/FILE:KEY}`: one line of a properties file.
    """

    name: ClassVar[str] = "connect"
    needs = ("postgres", "kafka")  # a connector that finds no database at its start fails

    def __init__(self, home: Home, ports: Ports, report: Report) -> None:
        super().__init__(home, ports[self.name], report)
        self._ports = ports

    def launch(self) -> Launch:
        self.folder.mkdir(exist_ok=True)
        bootstrap = f"{HOST}:{self._ports['kafka']}"
        plugins, secrets = self.home.jars / "plugins", self.home.secrets
        settings = properties(worker_settings(bootstrap, HOST, self.port, plugins, secrets))
        file = self.folder / "worker.properties"
        replace_text(file, settings)
        company = self._company_variables()
        given = {name: value for name, value in os.environ.items() if re.match(VISIBLE_VARIABLES, name)}
        return Launch(
            command=java(self.home.jars, HEAP_MB, "org.apache.kafka.connect.cli.ConnectDistributed", [str(file)]),
            environment={**inherited_environment(), **given, **company},
            folder=self.folder,
            fingerprint=hashlib.sha256(f"{settings}{company}{sorted(given.items())}".encode()).hexdigest(),
        )

    def healthy(self) -> bool:
        if not answers(self.port):
            return False
        try:
            return httpx.get(f"http://{HOST}:{self.port}/connectors", timeout=3.0, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def _company_variables(self) -> dict[str, str]:
        return {
            "COMPANY_HOST": HOST,
            "COMPANY_PORT": str(self._ports["postgres"]),
            "COMPANY_DATABASE": DATABASE,
            "COMPANY_USER": SUPERUSER,
            "COMPANY_PASSWORD": read_secret(self.home.postgres_password),
        }


def worker_settings(bootstrap: str, host: str, port: int, plugins: Path, secrets: Path) -> dict[str, object]:
    """worker.properties: JSON without schemas, quick flushes, no wait before a restarted worker takes over.

    REST listens on `host` and `port`, and other workers would find it there.
    """
    stores = ("offset", "config", "status")
    converter = "org.apache.kafka.connect.json.JsonConverter"
    provider = "org.apache.kafka.common.config.provider"
    return {
        "bootstrap.servers": bootstrap,
        "group.id": "freshline-connect",
        "listeners": f"http://{host}:{port}",
        "plugin.path": plugins,
        "plugin.discovery": "service_load",
        **{f"{side}.converter": converter for side in ("key", "value")},
        **{f"{side}.converter.schemas.enable": "false" for side in ("key", "value")},
        **{f"{store}.storage.topic": f"connect.{store}" for store in stores},
        **{f"{store}.storage.replication.factor": 1 for store in stores},
        **{f"{store}.storage.partitions": 1 for store in ("offset", "status")},
        "topic.creation.enable": "true",
        "offset.flush.interval.ms": 200,
        "producer.linger.ms": 0,
        "session.timeout.ms": 6000,
        "heartbeat.interval.ms": 2000,
        "scheduled.rebalance.max.delay.ms": 0,
        "connector.client.config.override.policy": "All",
        "config.providers": "env,file,dir",
        "config.providers.env.class": f"{provider}.EnvVarConfigProvider",
        "config.providers.env.param.allowlist.pattern": VISIBLE_VARIABLES,
        "config.providers.file.class": f"{provider}.FileConfigProvider",
        "config.providers.file.param.allowed.paths": secrets,
        "config.providers.dir.class": f"{provider}.DirectoryConfigProvider",
        "config.providers.dir.param.allowed.paths": secrets,
    }
