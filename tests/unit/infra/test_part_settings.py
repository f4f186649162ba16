"""What the parts are configured with."""

from pathlib import Path
from uuid import UUID

import pytest

from infra.local.connect import VISIBLE_VARIABLES, worker_settings
from infra.local.jars import POM, java, properties
from infra.local.kafka import broker_settings, new_cluster_id
from infra.local.postgres import SETTINGS


def test_the_broker_listens_on_loopback_only_and_makes_no_topic_by_itself() -> None:
    settings = broker_settings(20002, 20009, "data")
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:20002,CONTROLLER://127.0.0.1:20009"
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20002"
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["group.initial.rebalance.delay.ms"] == 0


def test_internal_topics_need_no_second_broker() -> None:
    settings = broker_settings(1, 2, "data")
    factors = {name: value for name, value in settings.items() if "replication.factor" in name}
    assert len(factors) == 4
    assert set(factors.values()) == {1}


def test_postgres_decodes_logically_for_many_connectors_and_has_no_socket_file() -> None:
    assert SETTINGS["wal_level"] == "logical"
    assert SETTINGS["max_replication_slots"] == SETTINGS["max_wal_senders"] == 20
    assert SETTINGS["unix_socket_directories"] == ""
    assert SETTINGS["listen_addresses"] == "127.0.0.1"


def test_connector_configs_reach_only_named_variables_and_the_secrets_folder() -> None:
    settings = worker_settings("127.0.0.1:1", "127.0.0.1", 2, Path("plugins"), Path("secrets"))
    assert settings["config.providers"] == "env,file,dir"
    assert settings["config.providers.env.param.allowlist.pattern"] == VISIBLE_VARIABLES
    assert settings["config.providers.file.param.allowed.paths"] == Path("secrets")
    assert settings["config.providers.dir.param.allowed.paths"] == Path("secrets")


def test_the_container_runs_connect_with_the_same_settings() -> None:
    given = POM.with_name("connect.worker.properties").read_text().splitlines(keepends=True)
    wanted = worker_settings("kafka:19092", "0.0.0.0", 8083, Path("/jars/plugins"), Path("/secrets"))
    assert "".join(line for line in given if not line.startswith("#")) == properties(wanted)


def test_a_backslash_in_a_path_survives_a_properties_file() -> None:
    assert properties({"log.dirs": r"C:\data"}) == "log.dirs=C:\\\\data\n"


def test_a_jvm_is_small_and_ends_when_out_of_memory() -> None:
    command = java(Path("/jars"), 256, "kafka.Kafka", ["server.properties"])
    assert {"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError"} < set(command)
    assert command[-4:] == ["-cp", "/jars/kafka/*", "kafka.Kafka", "server.properties"]


def test_the_pom_names_no_repository_and_no_url() -> None:
    body = POM.read_text()
    assert "://" not in body
    assert "<repositor" not in body


def test_a_cluster_id_never_reads_as_an_option_of_the_command_that_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([UUID(bytes=b"\xfb" + bytes(15)), UUID(bytes=b"\x01" + bytes(15))])
    monkeypatch.setattr("infra.local.kafka.uuid.uuid4", lambda: next(drawn))
    assert new_cluster_id() == "AQAAAAAAAAAAAAAAAAAAAA"
