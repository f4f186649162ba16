"""Dead letters at work: listed, shown, repaired and redriven in order, dropped; by the commands a person types."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import live_stage
import psycopg
import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner, Result

import freshline
from connectors.kafka_admin import KafkaAdmin
from connectors.status import status
from query.ask import ask
from schemas.answer import Question
from schemas.dead_letter import FIRST_OFFSET
from schemas.errors import Misconfigured, Refused
from schemas.settings import Settings
from schemas.topics import CHANGES

pytestmark = pytest.mark.live

WAIT_S = 60.0
TICKETS = "helpdesk.helpdesk.tickets"
SUBJECT = "Beehives of Alder Farm"
Run = Callable[..., Result]


within = partial(live_stage.within, seconds=WAIT_S)


@pytest.fixture
def run(settings: Settings) -> Run:
    """Type `freshline dead-letters …`; errors are raised."""

    def run(*arguments: str, answer: str = "", code: int = 0) -> Result:
        environment = {"FRESHLINE_HOME": str(settings.home), "COLUMNS": "400"}
        done = CliRunner().invoke(freshline.app, ["dead-letters", *arguments], input=answer, env=environment)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == code, done.output
        return done

    return run


@pytest.fixture
def ticket(company: psycopg.Connection[Any]) -> int:
    """A ticket of one of alice's teams that no other test touches."""
    return live_stage.new_ticket(company, SUBJECT)


@pytest.fixture
def text(settings: Settings, ticket: int) -> Callable[[], str | None]:
    """What alice finds of the ticket now; None when she finds nothing."""

    def text() -> str | None:
        here = freshline.settings_of(settings.home)
        token = freshline.token_for(here, "alice")
        try:
            hits = ask(freshline.api_url(here), token, Question(query=f"{SUBJECT}: bees, honey, wax", limit=10)).hits
        except Refused:
            return None
        return next((hit.text for hit in hits if hit.record_id == f"helpdesk/helpdesk.tickets/{ticket}"), None)

    return text


def listed(run: Run, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("list", "--json", *arguments).output.splitlines()]


def letters_of(run: Run, ticket: int) -> list[str]:
    """The ids of a ticket's open letters, oldest first."""
    return [one["id"] for one in listed(run, "--table", "helpdesk.tickets") if one["key"] == f'{{"id":{ticket}}}']


def rewrite(company: psycopg.Connection[Any], ticket: int, body: str, times: int = 1) -> None:
    company.execute("UPDATE helpdesk.tickets SET body = repeat(%s, %s) WHERE id = %s", [body, times, ticket])


def too_long(company: psycopg.Connection[Any], run: Run, ticket: int, body: str) -> str:
    """Commit a text over the limit; the id of its letter."""
    before = set(letters_of(run, ticket))
    rewrite(company, ticket, body, 20_000)
    return within("the dead letter", lambda: next((i for i in letters_of(run, ticket) if i not in before), None))


def shortened(run: Run, letter: str, file: Path, body: str) -> str:
    """Repair a letter's value as a person would: take the original, give it another text."""
    event = json.loads(run("show", "--raw", letter).stdout_bytes)
    event.get("payload", event)["after"]["body"] = body
    file.write_text(json.dumps(event))
    return str(file)


def in_changes(settings: Settings, ticket: int) -> list[str]:
    """The texts of the ticket in freshline.changes, in their order: the last is the one compaction keeps."""
    key = f"helpdesk/helpdesk.tickets/{ticket}".encode()
    messages = (m for m in KafkaAdmin(settings.kafka).read(CHANGES) if m.key() == key)
    return [json.loads(message.value() or b"{}")["text"] for message in messages]


def send(settings: Settings, key: bytes, value: bytes, partition: int = -1, headers: Any = None) -> str:
    """Write one event to the tickets' topic; the id its letter will have."""
    ids: list[str] = []
    producer = Producer({"bootstrap.servers": settings.kafka})
    written = partial(producer.produce, TICKETS, value, key, partition, headers=headers)
    written(on_delivery=lambda _, m: ids.append(f"{TICKETS}/{m.partition()}/{m.offset()}"))
    assert producer.flush(30) == 0
    return ids[0]


def test_bad_events_are_listed_by_every_filter_and_shown_whole(settings: Settings, run: Run) -> None:
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
    broken = send(settings, b'{"id":1}', b"\xff\x1b[2J", headers=[("trace", b"\x00abc")])
    unknown = send(settings, b'{"id":1}', b'{"op":"z"}')
    within("the letters", lambda: {broken, unknown} <= {one["id"] for one in listed(run)} or None)

    def found(*filters: str) -> set[str]:
        return {one["id"] for one in listed(run, *filters)} & {broken, unknown}

    both = {broken, unknown}
    assert found("--source", "helpdesk") == found("--table", "helpdesk.tickets") == found("--since", began) == both
    assert found("--source", "crm") == found("--until", began) == found("--since", "1ms") == set()
    assert found("--reason", "malformed_event") == {broken}
    assert found(unknown) == {unknown}
    assert found("--source", "helpdesk", "--reason", "unsupported_operation", "--since", "5m") == {unknown}
    assert "1 dead letter: 1 malformed_event" in run("list", broken).output
    with pytest.raises(Misconfigured, match="no such dead letter"):
        run("list", f"{TICKETS}/0/999999")

    shown = run("show", broken).output
    topic, partition, offset = broken.rsplit("/", 2)
    assert f"topic {topic}, partition {partition}, offset {offset}\n" in shown
    assert "reason   malformed_event\n" in shown
    assert "header   trace: \\x00abc\n" in shown
    assert "value (5 bytes)\n\\xff\\x1b[2J\n" in shown
    assert run("show", "--raw", broken).stdout_bytes == b"\xff\x1b[2J"
    run("drop", broken, unknown, "--yes")


def test_a_repaired_letter_is_searchable_and_no_letter_any_more(
    run: Run, company: psycopg.Connection[Any], ticket: int, text: Callable[[], str | None], tmp_path: Path
) -> None:
    letter = too_long(company, run, ticket, "The bees swarmed. ")
    repaired = shortened(run, letter, tmp_path / "value.json", "The bees swarmed once.")
    assert "Redriven: 1 dead letter." in run("redrive", letter, "--value-file", repaired, "--yes").output
    within("the repaired text", lambda: True if text() == "The bees swarmed once." else None)
    assert letters_of(run, ticket) == []


def test_an_older_version_redriven_never_replaces_a_newer_one(
    settings: Settings,
    run: Run,
    company: psycopg.Connection[Any],
    ticket: int,
    text: Callable[[], str | None],
    tmp_path: Path,
) -> None:
    letter = too_long(company, run, ticket, "The honey is old. ")
    rewrite(company, ticket, "The honey is new.")
    within("the newer text", lambda: True if text() == "The honey is new." else None)
    repaired = shortened(run, letter, tmp_path / "value.json", "The honey is old.")
    done = run("redrive", letter, "--value-file", repaired, "--yes").output
    assert "Redriven: 1 dead letter, and 1 newer event of their records after them." in done

    def both_again() -> bool | None:
        assert text() in ("The honey is new.", None)
        texts = in_changes(settings, ticket)
        return True if "The honey is old." in texts and texts[-1] == "The honey is new." else None

    within("both versions, the newer last", both_again)
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        assert text() in ("The honey is new.", None)
    assert letters_of(run, ticket) == []


def test_letters_of_one_record_go_in_the_order_of_the_source(
    settings: Settings,
    run: Run,
    company: psycopg.Connection[Any],
    ticket: int,
    text: Callable[[], str | None],
    tmp_path: Path,
) -> None:
    first = too_long(company, run, ticket, "The wax is white. ")
    second = too_long(company, run, ticket, "The wax is yellow. ")
    repaired = shortened(run, second, tmp_path / "value.json", "The wax is yellow.")
    said = run("redrive", second, "--value-file", repaired, "--yes").output
    assert f"1 of them because they are of the same records; order is kept by record:\n      {first}\n" in said
    within("the repaired text", lambda: True if text() == "The wax is yellow." else None)
    (again,) = within("the first, rejected again", lambda: letters_of(run, ticket) or None)

    events = [m for m in KafkaAdmin(settings.kafka).read(TICKETS) if m.key() == f'{{"id":{ticket}}}'.encode()]
    noted = [dict(message.headers() or []).get(FIRST_OFFSET) for message in events]
    assert noted[-2:] == [first.rpartition("/")[2].encode(), second.rpartition("/")[2].encode()]

    repaired = shortened(run, again, tmp_path / "value.json", "The wax is white.")
    run("redrive", again, "--value-file", repaired, "--yes")
    texts = within("all in changes", lambda: t if "The wax is white." in (t := in_changes(settings, ticket)) else None)
    within("the newer last", lambda: True if in_changes(settings, ticket)[-1] == "The wax is yellow." else None)
    assert texts
    assert text() in ("The wax is yellow.", None)


def test_a_snapshot_row_that_is_redriven_keeps_its_place_before_newer_changes(
    settings: Settings, run: Run, company: psycopg.Connection[Any], ticket: int, text: Callable[[], str | None]
) -> None:
    key = b'{"id":%d}' % ticket
    row = {"id": ticket, "tenant_id": "acme", "team_id": None, "owner_email": None, "subject": SUBJECT, "body": "Old."}
    row |= {"status": "open", "priority": "low", "sensitivity": "internal", "region": "north", "updated_at": None}
    source = {"connector": "postgresql", "schema": "helpdesk", "table": "tickets", "lsn": None, "ts_ms": 1}
    event = {"op": "r", "before": None, "after": row, "source": source}
    within("the row", lambda: text() or None)
    place = next(m.partition() for m in KafkaAdmin(settings.kafka).read(TICKETS) if m.key() == key)
    letter = send(settings, key, json.dumps(event).encode(), place or 0)
    within("the letter", lambda: letter in {one["id"] for one in listed(run)} or None)
    rewrite(company, ticket, "The bees are well.")
    within("the newer text", lambda: True if text() == "The bees are well." else None)
    event["after"] = row | {"team_id": 11}
    file = settings.home / "value.json"
    file.write_text(json.dumps(event))
    run("redrive", letter, "--value-file", str(file), "--yes")
    within(
        "both in changes", lambda: True if in_changes(settings, ticket)[-2:] == ["Old.", "The bees are well."] else None
    )
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        assert text() in ("The bees are well.", None)


def test_a_value_too_large_to_keep_is_read_from_its_origin(
    run: Run, company: psycopg.Connection[Any], ticket: int
) -> None:
    rewrite(company, ticket, "x", 9_000_000)
    letter = within("the letter", lambda: next(iter(letters_of(run, ticket)), None))
    assert listed(run, letter)[0]["bytes"] is None
    assert len(run("show", "--raw", letter).stdout_bytes) > 9_000_000
    assert "cut here: 9,0" in run("show", letter).output
    assert "Redriven: 1 dead letter." in run("redrive", letter, "--yes").output
    again = within("the new letter", lambda: next((i for i in letters_of(run, ticket) if i != letter), None))
    run("drop", again, "--yes")


def test_a_dropped_letter_is_gone_and_no_longer_counted(settings: Settings, run: Run) -> None:
    letter = send(settings, b'{"id":1}', b"not JSON")
    within("the letter", lambda: letter in {one["id"] for one in listed(run)} or None)
    before = counted(settings)
    run("drop", letter, answer="n\n", code=1)
    run("redrive", letter, answer="n\n", code=1)
    assert counted(settings) == before
    assert "Dropped 1 dead letter." in run("drop", letter, answer="y\n").output
    assert counted(settings) == before - 1
    assert letter not in {one["id"] for one in listed(run)}
    with pytest.raises(Misconfigured, match="no such dead letter"):
        run("show", letter)


def test_nothing_is_changed_unless_it_is_said_which(run: Run) -> None:
    for command in ("drop", "redrive"):
        with pytest.raises(Misconfigured, match="say which letters"):
            run(command, "--yes")


def counted(settings: Settings) -> int:
    """How many dead letters of the helpdesk `sources status` tells of."""
    reports = status(freshline._contracts(settings), settings).sources
    return next(report.dead_letters for report in reports if report.source == "helpdesk")
