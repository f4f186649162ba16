"""An aggregate type of an outbox stops, resumes and is counted as a table of its own."""

from collections.abc import Iterator
from typing import Any, cast

import pytest
from recorded_kinds import aggregate

from connectors import table_states
from connectors.kafka_admin import KafkaAdmin
from connectors.plan import source_topics
from connectors.status import Queues, snapshot
from connectors.table_states import resume, stopped
from schemas.contract import Contract
from schemas.errors import Misconfigured
from schemas.table_state import TableState, fingerprint
from schemas.topics import TABLES

TICKET, MEMBER = "shop.public.outbox.ticket", "shop.public.outbox.member"
CONTRACT = Contract.model_validate(
    {
        "source": "shop",
        "connector": {"plugin": "postgres", "config": "shop.debezium.json"},
        "tables": {"public.orders": {"key": ["id"], "text": "{x}", "permissions": {"tenant": "a", "readers": ["b:c"]}}},
        "outboxes": {
            "public.outbox": {
                "aggregates": {"ticket": aggregate(upserts=["Opened"]), "member": aggregate(upserts=["Joined"])}
            }
        },
    }
)


class Said:
    """Kafka, of which only freshline.tables is read."""

    def __init__(self, said: TableState) -> None:
        self.said = said

    def read(self, topic: str) -> Iterator["Said"]:
        assert topic == TABLES
        yield self

    def value(self) -> bytes:
        return self.said.model_dump_json().encode()


def test_a_stopped_aggregate_type_stops_alone_until_its_contract_changes() -> None:
    rules = CONTRACT.aggregates()["public.outbox.ticket"]
    state = TableState(
        topic=TICKET, source="shop", table="public.outbox.ticket", state="stopped", at_ms=1, contract=fingerprint(rules)
    )
    assert stopped(cast(KafkaAdmin, Said(state)), [CONTRACT]) == {TICKET: state}
    told = CONTRACT.model_dump(mode="json")
    told["outboxes"]["public.outbox"]["aggregates"]["ticket"]["ignored"] = ["Viewed"]
    assert stopped(cast(KafkaAdmin, Said(state)), [Contract.model_validate(told)]) == {}


def test_an_aggregate_type_is_resumed_by_its_name_and_the_outbox_as_a_whole_is_no_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[tuple[Any, ...]] = []

    class Producer:
        def __init__(self, _: object) -> None: ...

        def produce(self, *message: Any) -> None:
            said.append(message)

        def flush(self, _: float) -> int:
            return 0

    monkeypatch.setattr(table_states, "Producer", Producer)
    resume("nowhere", [CONTRACT], "shop", "public.outbox.ticket", 5, 1.0)
    assert [(topic, key) for topic, _, key in said] == [(TABLES, TICKET.encode())]
    with pytest.raises(Misconfigured):
        resume("nowhere", [CONTRACT], "shop", "public.outbox", 5, 1.0)


def test_every_aggregate_type_has_a_topic_and_the_outbox_itself_has_none() -> None:
    names = {spec.name for spec in source_topics(CONTRACT, 4)}
    assert {TICKET, MEMBER, "shop.public.orders"} <= names
    assert "shop.public.outbox" not in names


def test_events_are_no_rows_of_a_snapshot() -> None:
    queues = Queues({}, {(TICKET, 0): 7, ("shop.public.orders", 0): 2, ("shop.message", 0): 0}, {})
    assert snapshot(CONTRACT, queues, [], {"public.orders": 3, "public.outbox": 9}).rows_read == 2
