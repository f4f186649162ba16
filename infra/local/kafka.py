"""The Kafka broker: one KRaft node that is its own controller, tuned for little memory and low latency."""

import logging
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import ClassVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.local.home import HOST, answers, free_port, is_free
from infra.local.jars import java, properties
from infra.local.part import Part, inherited_environment
from infra.local.processes import Launch, replace_text, tail
from schemas.errors import Unavailable

HEAP_MB = 384


class Kafka(Part):
    """Data survives any stop: it lies in `<home>/kafka/data`, formatted once."""

    name: ClassVar[str] = "kafka"

    def prepare(self) -> None:
        """Format the storage the first time. The controller's port is its own: a new one each time."""
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        replace_text(self._settings_file(), properties(broker_settings(self.port, free_port(is_free), str(data))))
        if not (data / "meta.properties").exists():
            self.report("kafka: formatting the storage")
            self._format()

    def launch(self) -> Launch:
        return Launch(
            command=java(self.home.jars, HEAP_MB, "kafka.Kafka", [str(self._settings_file())]),
            environment=inherited_environment(),
            folder=self.folder,
            fingerprint=str(self.port),
        )

    def healthy(self) -> bool:
        if not answers(self.port):
            return False
        client = AdminClient({"bootstrap.servers": f"{HOST}:{self.port}"}, logger=logging.getLogger(__name__))
        try:
            return len(client.list_topics(timeout=3.0).brokers) == 1
        except KafkaException:
            return False

    def _format(self) -> None:
        arguments = [
            "format",
            "--cluster-id",
            new_cluster_id(),
            "--config",
            str(self._settings_file()),
            "--ignore-formatted",
        ]
        command = java(self.home.jars, 128, "kafka.tools.StorageTool", arguments)
        with self.log.open("ab") as log:
            done = subprocess.run(command, stdout=log, stderr=log, env=inherited_environment(), timeout=120)
        if done.returncode != 0:
            raise Unavailable("kafka", f"its storage could not be formatted; {self.log} ends with:\n{tail(self.log)}")

    def _settings_file(self) -> Path:
        return self.folder / "server.properties"


def new_cluster_id() -> str:
    """A random UUID in Kafka's URL-safe base64. Like Kafka's own, never one that reads as an option (`-…`)."""
    while True:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not cluster.startswith("-"):
            return cluster


def broker_settings(port: int, controller_port: int, data: str) -> dict[str, object]:
    """server.properties of a single node. Topics are only made on purpose, internal ones are small."""
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        # After SIGKILL the controller takes the broker back only when its old session ended: 9 s by default.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    }
