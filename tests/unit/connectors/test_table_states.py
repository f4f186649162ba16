"""Which tables have stopped, as freshline.tables says; and letting one go on."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from stream_stage import CONTRACT, MEMBERS_TOPIC, TOPIC

from connectors import table_states
from connectors.kafka_admin import KafkaAdmin
from connectors.table_states import resume, states, stopped
from schemas.contract import Contract
from schemas.errors import Misconfigured, Unavailable
from schemas.table_state import TableState, fingerprint
from schemas.topics import TABLES

TICKETS = CONTRACT.tables["helpdesk.tickets"]
STOPPED = TableState(
    topic=TOPIC,
    source="helpdesk",
    table="helpdesk.tickets",
    state="stopped",
    at_ms=5,
    contract=fingerprint(TICKETS),
    reason="a column is gone",
)
RUNNING = STOPPED.model_copy(update={"state": "running", "reason": "", "at_ms": 6})


class Said:
    """Kafka, of which only one topic is read: what was said of tables, oldest first."""

    def __init__(self, *said: TableState) -> None:
        self.said = said

    def value(self) -> bytes:
        return self._value

    def read(self, topic: str) -> Iterator["Said"]:
        assert topic == TABLES
        for state in self.said:
            self._value = state.model_dump_json().encode()
            yield self


def kafka(*said: TableState) -> KafkaAdmin:
    return cast(KafkaAdmin, Said(*said))


def test_the_last_that_was_said_of_a_table_counts() -> None:
    members = STOPPED.model_copy(update={"topic": MEMBERS_TOPIC, "table": "helpdesk.members"})
    assert states(kafka(STOPPED, members, RUNNING)) == {TOPIC: RUNNING, MEMBERS_TOPIC: members}
    assert states(kafka()) == {}


def test_a_table_has_stopped_until_somebody_says_that_it_runs() -> None:
    assert stopped(kafka(STOPPED), [CONTRACT]) == {TOPIC: STOPPED}
    assert stopped(kafka(RUNNING, STOPPED), [CONTRACT]) == {TOPIC: STOPPED}
    assert stopped(kafka(STOPPED, RUNNING), [CONTRACT]) == {}


def test_a_table_goes_on_when_its_own_contract_changes_and_not_for_another_change() -> None:
    def with_tickets(**fields: Any) -> Contract:
        tables = {**CONTRACT.tables, "helpdesk.tickets": TICKETS.model_copy(update=fields)}
        return CONTRACT.model_copy(update={"tables": tables})

    assert stopped(kafka(STOPPED), [with_tickets(metadata=())]) == {}
    assert stopped(kafka(STOPPED), [CONTRACT.model_copy(update={"freshness": {"slo": 9}})]) == {TOPIC: STOPPED}


def test_a_table_that_no_contract_has_any_more_is_not_stopped() -> None:
    assert stopped(kafka(STOPPED), []) == {}


class Producer:
    """What was handed over; `left` messages are not taken."""

    left = 0
    sent: list[tuple[str, bytes, bytes]]
    options: dict[str, Any]

    def __init__(self, options: dict[str, Any]) -> None:
        type(self).options, type(self).sent = options, []

    def produce(self, topic: str, value: bytes, key: bytes) -> None:
        self.sent.append((topic, value, key))

    def flush(self, timeout: float) -> int:
        return self.left


@pytest.fixture
def producer(monkeypatch: pytest.MonkeyPatch) -> type[Producer]:
    monkeypatch.setattr(table_states, "Producer", Producer)
    monkeypatch.setattr(Producer, "left", 0)
    return Producer


def test_resuming_says_so_under_the_tables_key(producer: type[Producer]) -> None:
    resume("127.0.0.1:1", [CONTRACT], "helpdesk", "helpdesk.tickets", 6, 1.0)
    ((topic, value, key),) = producer.sent
    assert (topic, key, TableState.model_validate_json(value)) == (TABLES, TOPIC.encode(), RUNNING)


@pytest.mark.parametrize(("source", "table"), [("wiki", "helpdesk.tickets"), ("helpdesk", "helpdesk.nothing")])
def test_a_table_that_no_contract_has_cannot_be_resumed(producer: type[Producer], source: str, table: str) -> None:
    with pytest.raises(Misconfigured, match=table):
        resume("127.0.0.1:1", [CONTRACT], source, table, 6, 1.0)


def test_it_is_said_when_kafka_does_not_take_it(producer: type[Producer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producer, "left", 1)
    with pytest.raises(Unavailable, match="Kafka"):
        resume("127.0.0.1:1", [CONTRACT], "helpdesk", "helpdesk.tickets", 6, 1.0)
