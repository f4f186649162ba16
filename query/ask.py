"""Asks the API once, for the shell and for tests, and tells at once what it says; and people by their first names."""

import json
from pathlib import Path

from query.client import NO_RETRIES, Client
from query.client.wire import TIMEOUT_S
from query.principal import Principal
from schemas.answer import Answer, Question, SourceStatus
from schemas.errors import Misconfigured

SHOWN_NAMES = 10


def ask(url: str, token: str, question: Question, timeout_s: float = TIMEOUT_S) -> Answer:
    """One question to the API, asked once. Raises the Refused of the reply's code; Unavailable without reply."""
    with Client(url, token, timeout_s=timeout_s, retries=NO_RETRIES) as api:
        return api.search(question)


def freshness(url: str, token: str, timeout_s: float = TIMEOUT_S) -> list[SourceStatus]:
    """How far each source is searchable. Raises as `ask`."""
    with Client(url, token, timeout_s=timeout_s, retries=NO_RETRIES) as api:
        return [*api.freshness()]


def resolve_person(name: str, home: Path) -> Principal:
    """Whom a name means, by `people.json`: {"alice": {"sub": …, "tenant": …}}. Raises Misconfigured."""
    path = home / "people.json"
    try:
        people: dict[str, dict[str, str]] = json.loads(path.read_text())
        known = {person: Principal(entry["sub"], entry["tenant"]) for person, entry in people.items()}
    except OSError:
        raise Misconfigured(f"there is no {path}, so nobody is known by a first name; run `make up` first") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Misconfigured(f'{path} is not usable; write {{"alice": {{"sub": "…", "tenant": "…"}}}}') from None
    if name not in known:
        some = sorted(known, key=lambda person: (len(person), person))[:SHOWN_NAMES]
        raise Misconfigured(f"nobody is called {name!r}; known: {', '.join(some)}; all are in {path}")
    return known[name]
