"""Bad input and absent parts: nothing is lost, nothing stops, every refusal is typed, and work resumes by itself."""

import json
import os
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

import live_stage
import psutil
import psycopg
import pytest
from confluent_kafka import Producer

import freshline
from connectors.kafka_admin import KafkaAdmin
from infra.local.provider import StackProvider
from query.ask import ask
from schemas.answer import Answer, Question
from schemas.dead_letter import DeadLetter
from schemas.errors import IndexUnavailable, PermissionsUnknown, Refused
from schemas.settings import Settings
from schemas.topics import DEAD_LETTERS

pytestmark = pytest.mark.live

WAIT_S = 90.0
TICKETS = "helpdesk.helpdesk.tickets"
NOBODYS = (999_999, 999_998)
"""Ids of tickets that the database does not have."""
SUBJECT = "Saddle order of Linden Riding School"


within = partial(live_stage.within, seconds=WAIT_S)


@pytest.fixture
def ticket(company: psycopg.Connection[Any]) -> int:
    """A ticket of one of alice's teams that no other test touches."""
    return live_stage.new_ticket(company, SUBJECT)


@pytest.fixture
def question(settings: Settings) -> Callable[[str], Answer]:
    """Ask as alice, over HTTP."""

    def asked(text: str) -> Answer:
        here = freshline.settings_of(settings.home)
        return ask(freshline.api_url(here), freshline.token_for(here, "alice"), Question(query=text, limit=5))

    return asked


def rewrite(company: psycopg.Connection[Any], ticket: int, body: str) -> None:
    company.execute("UPDATE helpdesk.tickets SET body = %s, updated_at = now() WHERE id = %s", [body, ticket])


def shown(question: Callable[[str], Answer], ticket: int, body: str) -> bool | None:
    try:
        hits = question(f"{SUBJECT}: {body}").hits
    except Refused:
        return None
    return any(hit.record_id == f"helpdesk/helpdesk.tickets/{ticket}" and hit.text == body for hit in hits) or None


def letters(settings: Settings) -> list[DeadLetter]:
    kafka = KafkaAdmin(settings.kafka)
    return [DeadLetter.model_validate_json(value) for m in kafka.read(DEAD_LETTERS) if (value := m.value()) is not None]


def send(settings: Settings, topic: str, key: bytes | None, value: bytes) -> tuple[int, int]:
    """Produce one message; its partition and offset."""
    place: list[tuple[int, int]] = []
    producer = Producer({"bootstrap.servers": settings.kafka})
    producer.produce(
        topic, value, key, on_delivery=lambda error, m: place.append((m.partition() or 0, m.offset() or 0))
    )
    assert producer.flush(30) == 0
    return place[0]


def deletion() -> bytes:
    """The end of a ticket made up by `envelope`, so that nothing stays that the database does not know."""
    source = {"connector": "postgresql", "schema": "helpdesk", "table": "tickets", "lsn": 2**62 + 1, "ts_ms": 2}
    return json.dumps({"op": "d", "before": None, "after": None, "source": source}).encode()


def envelope(ticket: int, **columns: object) -> bytes:
    """A Debezium event of a ticket as the database would never let it be."""
    row = {"id": ticket, "tenant_id": "acme", "team_id": 11, "owner_email": None, "subject": SUBJECT, "body": "x"}
    row |= {"status": "open", "priority": "low", "sensitivity": "internal", "region": "north", "updated_at": None}
    source = {"connector": "postgresql", "schema": "helpdesk", "table": "tickets", "lsn": 2**62, "ts_ms": 1}
    return json.dumps({"op": "u", "before": None, "after": row | columns, "source": source}).encode()


def test_bad_events_go_to_the_dead_letters_whole_and_the_stream_goes_on(
    settings: Settings, company: psycopg.Connection[Any], ticket: int, question: Callable[[str], Answer]
) -> None:
    key, unseen = (json.dumps({"id": number}).encode() for number in NOBODYS)
    bad = {
        "malformed_event": (b'{"id": 1}', b"\xff\xfe not json"),
        "no_permission": (key, envelope(999_999, team_id=None)),
        "placeholder_value": (unseen, envelope(999_998, body="__debezium_unavailable_value")),
        "key_mismatch": (b'{"number": 1}', envelope(999_999)),
        "text_too_large": (key, envelope(999_999, body="long " * 60_000)),
    }
    places = {reason: send(settings, TICKETS, *event) for reason, event in bad.items()}
    rewrite(company, ticket, "The saddle was sent on Tuesday.")
    within("the update after bad events", lambda: shown(question, ticket, "The saddle was sent on Tuesday."))

    def all_there() -> dict[str, DeadLetter] | None:
        found = {x.reason: x for x in letters(settings) if (x.origin.partition, x.origin.offset) in places.values()}
        return found if found.keys() >= bad.keys() else None

    found = within("the dead letters", all_there)
    for each in (key, unseen):
        send(settings, TICKETS, each, deletion())
    for reason, (bad_key, bad_value) in bad.items():
        letter = found[reason]
        assert (letter.origin.topic, (letter.origin.partition, letter.origin.offset)) == (TICKETS, places[reason])
        assert (letter.key, letter.value) == (bad_key, bad_value)
        assert (letter.source, letter.table) == ("helpdesk", "helpdesk.tickets")
        assert letter.message


def test_a_text_over_the_limit_keeps_its_last_good_version(
    settings: Settings, company: psycopg.Connection[Any], ticket: int, question: Callable[[str], Answer]
) -> None:
    rewrite(company, ticket, "The bridle is being repaired.")
    within("the first version", lambda: shown(question, ticket, "The bridle is being repaired."))
    rewrite(company, ticket, "The bridle, the bridle and the bridle. " * 10_000)
    name = f"helpdesk/helpdesk.tickets/{ticket}"
    key = json.dumps({"id": ticket}, separators=(",", ":")).encode()
    within(
        "the dead letter", lambda: any(x.key == key and x.reason == "text_too_large" for x in letters(settings)) or None
    )
    assert [h.text for h in question("bridle being repaired").hits if h.record_id == name] == [
        "The bridle is being repaired."
    ]


def test_a_revocation_holds_although_the_new_content_of_its_row_is_rejected(
    settings: Settings, company: psycopg.Connection[Any], ticket: int, question: Callable[[str], Answer]
) -> None:
    rewrite(company, ticket, "The halter is green.")
    within("the first version", lambda: shown(question, ticket, "The halter is green."))
    company.execute(
        "UPDATE helpdesk.tickets SET body = %s, team_id = 12, updated_at = now() WHERE id = %s",
        ["The halter is being dyed. " * 10_000, ticket],
    )
    within("the hit to go", lambda: None if shown(question, ticket, "The halter is green.") else True)


def test_a_row_too_large_for_any_message_of_ours_is_a_dead_letter_and_the_stream_goes_on(
    settings: Settings, company: psycopg.Connection[Any], ticket: int, question: Callable[[str], Answer]
) -> None:
    company.execute("UPDATE helpdesk.tickets SET owner_email = repeat('x', 9000000) WHERE id = %s", [ticket])
    key = json.dumps({"id": ticket}, separators=(",", ":")).encode()
    letter = within("the dead letter", lambda: next((x for x in letters(settings) if x.key == key), None))
    assert (letter.reason, letter.left_out, letter.value) == ("no_permission", True, None)
    company.execute("UPDATE helpdesk.tickets SET owner_email = NULL, body = 'Small again.' WHERE id = %s", [ticket])
    within("the next version", lambda: shown(question, ticket, "Small again."))


def test_a_killed_worker_is_replaced_and_loses_nothing(
    settings: Settings, company: psycopg.Connection[Any], ticket: int, question: Callable[[str], Answer]
) -> None:
    supervisor = psutil.Process(json.loads((settings.home / "pids" / "worker.json").read_text())["pid"])
    child = within("a worker", lambda: next(iter(supervisor.children()), None))
    os.kill(child.pid, signal.SIGKILL)
    rewrite(company, ticket, "The stirrups are back in stock.")
    within("the update after the kill", lambda: shown(question, ticket, "The stirrups are back in stock."))
    assert [other.pid for other in supervisor.children()] != [child.pid]


def test_while_milvus_is_away_questions_are_refused_and_what_was_committed_meanwhile_is_answered_after(
    provider: StackProvider, company: psycopg.Connection[Any], ticket: int, question: Callable[[str], Answer]
) -> None:
    provider.kill("milvus")
    with pytest.raises(IndexUnavailable):
        question("saddle")
    rewrite(company, ticket, "The girth was exchanged.")
    provider.up()
    within("the update made meanwhile", lambda: shown(question, ticket, "The girth was exchanged."))


def test_while_kafka_is_away_questions_are_refused_beyond_the_limit_and_work_resumes_by_itself(
    provider: StackProvider, company: psycopg.Connection[Any], ticket: int, question: Callable[[str], Answer]
) -> None:
    provider.kill("kafka")

    def refused() -> bool | None:
        try:
            question("saddle")
        except PermissionsUnknown:
            return True
        return None

    within("the refusal", refused)
    rewrite(company, ticket, "The hoof pick is gold.")
    provider.up()
    within("the update made meanwhile", lambda: shown(question, ticket, "The hoof pick is gold."))
