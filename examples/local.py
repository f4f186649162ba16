"""What the examples need of the local stack (`make up`): where the API is, and tokens, signed with its key.

This stands in for your identity provider; an agent of yours is only given its token.
"""

import os
import sys
import time
from collections.abc import Callable, Collection

import typer

from query.ask import resolve_person
from query.asker import Mandate, Operation
from query.capabilities import issue
from query.principal import Principal
from query.tokens import load_signing_key
from schemas.errors import FreshlineError
from schemas.settings import Settings

SETTINGS = Settings.load(os.environ)
URL = f"http://{SETTINGS.api_host}:{SETTINGS.api_port}"
MINUTES = 10


def token_for(who: str, agent: str, operations: Collection[Operation], rows: int | None = None) -> str:
    """A token for an agent that works for a person: it may what is named here, and show `rows` records at most."""
    person, now = resolve_person(who, SETTINGS.home), time.time()
    mandate = Mandate(operations=frozenset(operations), rows=rows, expires_ms=int(now + MINUTES * 60) * 1000)
    principal = Principal(person.subject, person.tenant, agent)
    charter = issue.Charter(principal, SETTINGS.audience, mandate)
    return issue.mint(load_signing_key(SETTINGS.home / "keys"), charter, now)


def run(main: Callable[..., None]) -> None:
    """Run a program with its options; what goes wrong is told by its code, in a sentence."""
    try:
        typer.run(main)
    except FreshlineError as error:
        sys.exit(f"{error.code}: {error}")
