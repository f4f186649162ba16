"""What is asked of Kafka's client, where it must not be asked as we were."""

from concurrent.futures import Future
from typing import Any, cast

import pytest

from connectors.kafka_admin import KafkaAdmin


class Client:
    """In place of the client: remembers what it was to delete."""

    def __init__(self) -> None:
        self.deleted: list[list[str]] = []

    def delete_topics(self, names: list[str], request_timeout: float) -> dict[str, Future[None]]:
        assert request_timeout > 0
        self.deleted.append(names)
        done: Future[None] = Future()
        done.set_result(None)
        return dict.fromkeys(names, done)


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def admin(client: Client, monkeypatch: pytest.MonkeyPatch) -> KafkaAdmin:
    monkeypatch.setattr(KafkaAdmin, "topics", lambda _: {"a": 1, "b": 4})
    admin = KafkaAdmin.__new__(KafkaAdmin)
    admin._client, admin._timeout = cast(Any, client), 1.0
    return admin


def test_a_topic_that_is_named_twice_is_deleted_once_for_else_the_client_crashes(
    admin: KafkaAdmin, client: Client
) -> None:
    admin.delete_topics(["b", "a", "b"])
    assert client.deleted == [["a", "b"]]


def test_topics_that_do_not_exist_are_not_deleted(admin: KafkaAdmin, client: Client) -> None:
    admin.delete_topics(["c", "a"])
    admin.delete_topics(["c"])
    assert client.deleted == [["a"]]
