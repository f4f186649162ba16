"""Which tables have stopped, and letting them go on."""

from collections.abc import Iterable, Sequence

from confluent_kafka import Producer

from connectors.kafka_admin import KafkaAdmin
from connectors.kafka_offsets import quiet
from schemas.contract import Contract
from schemas.errors import Misconfigured, Unavailable
from schemas.table_state import TableState, fingerprint
from schemas.topics import TABLES, raw_topic


def states(kafka: KafkaAdmin) -> dict[str, TableState]:
    """Raw topic -> the last that was said of it; tables nothing was ever said of run. Raises Unavailable."""
    found: dict[str, TableState] = {}
    for message in kafka.read(TABLES):
        state = TableState.model_validate_json(message.value() or b"")
        found[state.topic] = state
    return found


def stopped(kafka: KafkaAdmin, contracts: Iterable[Contract]) -> dict[str, TableState]:
    """Raw topic -> why it stopped, for tables that have and whose contract is still the one they stopped with."""
    said = states(kafka)
    now = {
        raw_topic(c.source, table): fingerprint(rules) for c in contracts for table, rules in c.record_tables().items()
    }
    return {
        topic: state for topic, state in said.items() if state.state == "stopped" and now.get(topic) == state.contract
    }


def resume(bootstrap: str, contracts: Sequence[Contract], source: str, table: str, at_ms: int, timeout: float) -> None:
    """Say that a stopped table shall go on with the contract as it is; workers begin again with it within seconds.

    Raises Misconfigured for a table no contract has, Unavailable where Kafka does not take the message.
    """
    contract = next((c for c in contracts if c.source == source), None)
    if contract is None or table not in contract.record_tables():
        raise Misconfigured(f"no contract has a table {table!r} of source {source!r}")
    topic = raw_topic(source, table)
    state = TableState(
        topic=topic,
        source=source,
        table=table,
        state="running",
        at_ms=at_ms,
        contract=fingerprint(contract.record_tables()[table]),
    )
    producer = Producer(quiet(bootstrap))
    producer.produce(TABLES, state.model_dump_json().encode(), topic.encode())
    if producer.flush(timeout) > 0:
        raise Unavailable("Kafka", f"the message was not taken within {timeout:g} s")
