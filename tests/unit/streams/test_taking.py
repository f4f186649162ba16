"""Intake of batches: what is sent for them, what is looked up for them, and when a table stops instead."""

from typing import Any

import pytest
from stream_stage import CONTRACT, MEMBERS_TOPIC, ROW, TOPIC, Kafka, RawTopic, envelope, raw

from schemas.change import Change, Origin
from schemas.dead_letter import DeadLetter
from schemas.errors import Unavailable
from schemas.label import LabelDefinition
from schemas.position import START, Position, of_read, of_source
from schemas.relation import Grant
from schemas.table_state import TableState, fingerprint
from schemas.template import PLACEHOLDER
from streams import taking as taking_module
from streams.batches import TableStopped
from streams.decode import RawEvent
from streams.intake import tables_by_topic
from streams.limits import RUN
from streams.partition import partition_of
from streams.taking import Taking

NOW, PARTITIONS = 1_800_000_000_000, 3


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def topic() -> RawTopic:
    return RawTopic(partitions=2)


@pytest.fixture
def taking(topic: RawTopic, monkeypatch: pytest.MonkeyPatch) -> Taking:
    monkeypatch.setattr("streams.dead_letters.now_ms", lambda: NOW)
    monkeypatch.setattr(taking_module, "now_ms", lambda: NOW)
    return made(topic)


def made(topic: RawTopic) -> Taking:
    """A new worker's."""
    return Taking(tables_by_topic([CONTRACT]), topic, 1000, PARTITIONS)


async def test_a_row_goes_out_as_label_change_and_grant_each_under_its_key(taking: Taking, kafka: Kafka) -> None:
    await taking.take([raw(envelope())], kafka.send)
    label, change, grant = kafka.sent
    definition = LabelDefinition.model_validate_json(label.value)
    assert (label.topic, label.key, definition.genuine) == ("freshline.labels", str(definition.id).encode(), True)
    assert (change.topic, change.key) == ("freshline.changes", b"helpdesk/helpdesk.tickets/42")
    assert Change.model_validate_json(change.value).label == definition.id
    assert (grant.topic, grant.key) == ("freshline.relations", b"helpdesk/helpdesk.tickets/42")
    assert Grant.model_validate_json(grant.value).tuples != ()


async def test_the_rows_of_a_batch_keep_their_order(taking: Taking, kafka: Kafka) -> None:
    await taking.take([raw(envelope(lsn=at, body=str(at))) for at in (1, 2, 3)], kafka.send)
    assert [change.text for change in kafka.changes] == ["1", "2", "3"]


async def test_a_bad_event_goes_whole_to_the_dead_letters_and_the_others_go_on(taking: Taking, kafka: Kafka) -> None:
    await taking.take([raw(b"\xff broken", key=b"\x00key", offset=11), raw(envelope())], kafka.send)
    assert kafka.letters == [
        DeadLetter(
            origin=Origin(topic=TOPIC, partition=1, offset=11),
            reason="malformed_event",
            message=kafka.letters[0].message,
            at_ms=NOW,
            source="helpdesk",
            table="helpdesk.tickets",
            key=b"\x00key",
            value=b"\xff broken",
            headers=(("h", b"\xff"),),
        )
    ]
    assert len(kafka.of("freshline.changes")) == 1
    assert kafka.sent[-1].topic != "freshline.dead-letters"
    assert next(m.key for m in kafka.sent if m.topic == "freshline.dead-letters") == f"{TOPIC}/1/11".encode()


async def test_a_row_without_permission_is_a_dead_letter_a_delete_and_an_empty_grant(
    taking: Taking, kafka: Kafka
) -> None:
    await taking.take([raw(envelope(tenant_id=None))], kafka.send)
    (change,), (grant,) = kafka.changes, kafka.of("freshline.relations")
    assert change.op == "delete"
    assert Grant.model_validate_json(grant).tuples == ()
    assert [letter.reason for letter in kafka.letters] == ["no_permission"]
    assert kafka.of("freshline.labels") == []


async def test_an_event_on_a_topic_of_nobody_is_a_dead_letter_without_source(taking: Taking, kafka: Kafka) -> None:
    await taking.take([raw(envelope(), topic="other.public.t")], kafka.send)
    assert [(x.reason, x.source, x.table) for x in kafka.letters] == [("unknown_table", "", "")]


async def test_a_tombstone_sends_nothing(taking: Taking, kafka: Kafka) -> None:
    await taking.take([raw(None)], kafka.send)
    assert kafka.sent == []


MEMBER = {"team_id": 7, "email": "bo@acme.example", "tenant_id": "acme"}
NO_BODY = {name: value for name, value in ROW.items() if name != "body"}


def member(row: dict[str, Any] = MEMBER) -> RawEvent:
    value = envelope(row=row)
    value["source"]["table"] = "members"
    return raw(value, {name: row[name] for name in ("email", "team_id")}, MEMBERS_TOPIC)


def place(lsn: int) -> Position:
    return of_source(envelope(lsn=lsn)["source"], envelope()["transaction"])


async def test_a_truncate_is_told_to_every_partition_of_the_changes_and_once_to_the_relations(
    taking: Taking, kafka: Kafka
) -> None:
    await taking.take([raw(envelope("t"), key=b"")], kafka.send)
    sent = [(m.topic, m.key, m.partition) for m in kafka.sent]
    table = b"helpdesk/helpdesk.tickets"
    everywhere = [("freshline.changes", table, number) for number in range(PARTITIONS)]
    assert sent == [*everywhere, ("freshline.relations", table, None)]
    assert {change.op for change in kafka.changes} == {"truncate"}
    assert len(set(kafka.of("freshline.changes"))) == 1


async def test_all_that_is_told_of_a_record_goes_to_one_partition_in_its_order(taking: Taking, kafka: Kafka) -> None:
    events = [raw(envelope("c", lsn=1)), raw(envelope(lsn=2, updated_at="soon")), raw(envelope("d", lsn=3))]
    await taking.take(events, kafka.send)
    sent = [(m.key, m.partition) for m in kafka.sent if m.topic == "freshline.changes"]
    name = "helpdesk/helpdesk.tickets/42"
    own = partition_of(name, PARTITIONS)
    assert sent == [(name.encode(), own), (f"{name}#label".encode(), own), (name.encode(), own)]
    assert [change.op for change in kafka.changes] == ["upsert", "relabel", "delete"]


async def test_a_snapshot_from_the_beginning_of_a_topic_looks_nothing_up(topic: RawTopic, kafka: Kafka) -> None:
    rows = [topic.append({"id": 42}, envelope("r")) for _ in range(3)]
    await made(topic).take(rows, kafka.send)
    assert [change.position for change in kafka.changes] == [of_read(START, offset) for offset in range(3)]
    assert topic.looked_up == []


async def test_a_snapshot_row_met_after_a_restart_looks_its_past_up_once_for_its_partition(
    topic: RawTopic, kafka: Kafka
) -> None:
    for partition in (0, 1):
        topic.append({"id": 42}, envelope("c", lsn=10 + partition), partition)
    rows = [topic.append({"id": 42}, envelope("r"), partition) for partition in (0, 0, 1, 1)]
    rows.append(topic.append({"id": 42}, envelope("u", lsn=20)))
    rows.append(topic.append({"id": 42}, envelope("r")))
    again = made(topic)
    await again.take(rows[:3], kafka.send)
    await again.take(rows[3:], kafka.send)
    assert [change.position for change in kafka.changes] == [
        of_read(place(10), 1),
        of_read(place(10), 2),
        of_read(place(11), 1),
        of_read(place(11), 2),
        place(20),
        of_read(place(20), 4),
    ]
    assert topic.looked_up == [rows[0].origin, rows[2].origin]


async def test_a_snapshot_row_has_one_position_whether_its_past_is_remembered_or_looked_up(
    topic: RawTopic, kafka: Kafka
) -> None:
    history = [envelope("c", lsn=10), envelope("r"), b"no json", None, envelope("d", lsn=12), envelope("r")]
    raws = [topic.append({"id": 42}, value) for value in history]
    await made(topic).take(raws, kafka.send)
    at_once = kafka.changes[-1]
    await made(topic).take(raws[-1:], kafka.send)
    assert kafka.changes[-1] == at_once
    assert at_once.position == of_read(place(12), 5)


async def test_a_partition_that_goes_back_is_looked_up_again(topic: RawTopic, kafka: Kafka) -> None:
    raws = [topic.append({"id": 42}, value) for value in (envelope("c", lsn=10), envelope("r"), envelope("u", lsn=12))]
    worker = made(topic)
    await worker.take(raws, kafka.send)
    await worker.take(raws[1:2], kafka.send)
    assert kafka.changes[-1].position == kafka.changes[1].position == of_read(place(10), 1)
    assert topic.looked_up == [raws[1].origin]


async def test_a_column_that_was_not_sent_is_filled_from_the_past(topic: RawTopic, kafka: Kafka) -> None:
    topic.append({"id": 42}, envelope("c", lsn=1, body="known"))
    topic.append({"id": 43}, envelope("c", lsn=2, body="another's"))
    update = topic.append({"id": 42}, envelope("u", lsn=3, body=PLACEHOLDER, subject="New"))
    await made(topic).take([update], kafka.send)
    assert [(c.op, c.title, c.text, c.position) for c in kafka.changes] == [("upsert", "New", "known", place(3))]
    assert kafka.letters == []


async def test_where_nobody_knows_a_column_the_event_is_a_dead_letter_and_only_the_label_is_changed(
    topic: RawTopic, kafka: Kafka
) -> None:
    topic.append({"id": 43}, envelope("c", lsn=2, body="another's"))
    update = topic.append({"id": 42}, envelope("u", lsn=3, body=PLACEHOLDER))
    await made(topic).take([update], kafka.send)
    assert [(letter.reason, letter.origin) for letter in kafka.letters] == [("placeholder_value", update.origin)]
    assert [(c.op, c.text) for c in kafka.changes] == [("relabel", "")]
    assert PLACEHOLDER not in repr(kafka.changes)


async def test_where_nobody_knows_who_may_see_a_row_nobody_may(topic: RawTopic, kafka: Kafka) -> None:
    update = topic.append({"id": 42}, envelope("u", lsn=3, owner=PLACEHOLDER))
    await made(topic).take([update], kafka.send)
    assert [change.op for change in kafka.changes] == ["delete"]
    assert [letter.reason for letter in kafka.letters] == ["placeholder_value"]


async def test_while_the_past_cannot_be_read_nothing_is_sent(topic: RawTopic, kafka: Kafka) -> None:
    class Away(RawTopic):
        def before(self, origin: Origin) -> Any:
            raise Unavailable("Kafka")

    row = topic.append({"id": 42}, envelope("u", body=PLACEHOLDER))
    with pytest.raises(Unavailable):
        await made(Away()).take([row], kafka.send)
    assert kafka.sent == []


async def test_a_missing_column_stops_its_table_and_nothing_but_that_is_sent(taking: Taking, kafka: Kafka) -> None:
    bad = raw(envelope(row=NO_BODY), offset=9)
    with pytest.raises(TableStopped, match=r"helpdesk helpdesk\.tickets stops: column 'body'"):
        await taking.take([raw(envelope()), member(), bad, raw(envelope())], kafka.send)
    (message,) = kafka.sent
    assert (message.topic, message.key) == ("freshline.tables", TOPIC.encode())
    state = TableState.model_validate_json(message.value)
    assert "'body'" in state.reason
    assert state == TableState(
        topic=TOPIC,
        source="helpdesk",
        table="helpdesk.tickets",
        state="stopped",
        at_ms=NOW,
        contract=fingerprint(CONTRACT.tables["helpdesk.tickets"]),
        reason=state.reason,
        origin=bad.origin,
    )


async def test_a_run_of_bad_rows_stops_its_table_across_batches_and_is_not_drained(
    taking: Taking, kafka: Kafka
) -> None:
    await taking.take([raw(b"no json", offset=n) for n in range(RUN - 1)], kafka.send)
    assert len(kafka.letters) == RUN - 1
    with pytest.raises(TableStopped, match=f"{RUN} rows in a row"):
        await taking.take([raw(b"no json", offset=RUN)], kafka.send)
    assert len(kafka.letters) == RUN - 1


async def test_a_batch_that_is_sent_again_because_kafka_was_away_counts_its_bad_rows_once(
    taking: Taking, kafka: Kafka
) -> None:
    bad = [raw(b"no json", offset=n) for n in range(RUN // 2)]
    for _ in range(5):
        kafka.error = Unavailable("Kafka")
        with pytest.raises(Unavailable):
            await taking.take(bad, kafka.send)
    await taking.take(bad, kafka.send)
    assert len(kafka.letters) == RUN // 2


async def test_another_tables_rows_neither_end_a_run_nor_are_stopped_by_it(taking: Taking, kafka: Kafka) -> None:
    await taking.take([raw(b"no json", offset=n) for n in range(RUN - 1)], kafka.send)
    kafka.sent.clear()
    await taking.take([member()] * 3, kafka.send)
    await taking.take([raw(b"no json", topic=MEMBERS_TOPIC)], kafka.send)
    assert (len(kafka.of("freshline.relations")), len(kafka.letters)) == (3, 1)
    with pytest.raises(TableStopped):
        await taking.take([raw(b"no json", offset=RUN)], kafka.send)


async def test_good_rows_between_bad_ones_keep_a_table_going(taking: Taking, kafka: Kafka) -> None:
    for _ in range(3):
        await taking.take([*[raw(b"no json")] * (RUN - 1), raw(envelope())], kafka.send)
    assert len(kafka.changes) == 3


async def test_a_topic_that_is_no_tables_is_never_stopped(taking: Taking, kafka: Kafka) -> None:
    await taking.take([raw(envelope(), topic="other.public.t")] * (RUN + 1), kafka.send)
    assert len(kafka.letters) == RUN + 1
