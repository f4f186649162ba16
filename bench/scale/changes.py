"""Work that grows: rows that come, and rows that change, a few of them often. From a seed, without end."""

import random
from collections.abc import Iterator

from bench.events.source_log import Event, Row, SourceLog
from bench.events.texts import Texts

NEW_EVERY = 10
"""Each so many events one adds a row; the others change one."""
HOT, OFTEN = 100, 0.97
"""So many of the newest rows get this share of the changes; the rest goes to any row."""
STATUSES, TEAMS, OWNERS = ("open", "waiting", "solved"), 20, 5_000


def changes(seed: int) -> Iterator[Event]:
    """A tenth of the events add a row with a text of its own; the others change a column beside the text, or who may
    see it. No text changes: what is measured is everything but the model.
    """
    rng = random.Random(seed)
    log, texts, rows, number = SourceLog(), Texts(rng), list[Row](), 0
    while True:
        if number % NEW_EVERY == 0:
            rows.append(_row(len(rows) + 1, texts.short(), rng))
            yield from log.insert(rows[-1])
        else:
            yield from log.update(_changed(rows, rng))
        number += 1


def _changed(rows: list[Row], rng: random.Random) -> Row:
    row = rows[-rng.randint(1, min(HOT, len(rows)))] if rng.random() < OFTEN else rng.choice(rows)
    if rng.random() < 0.5:
        row["status"] = rng.choice(STATUSES)
    else:
        row["team_id"] = rng.randint(1, TEAMS)
    return row


def _row(key: int, text: str, rng: random.Random) -> Row:
    return {
        "id": key,
        "tenant_id": "acme",
        "owner_email": f"person{key % OWNERS}@acme.example",
        "team_id": rng.randint(1, TEAMS),
        "subject": f"Row {key}",
        "body": text,
        "status": "open",
        "priority": "normal",
        "updated_at": "2026-11-23T02:26:04.443322Z",
    }
