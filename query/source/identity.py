"""Telling the database who asks: the role, and the settings that its policies read, until the transaction ends."""

import orjson
from psycopg import sql

from query.asker import Asker
from schemas.enforcement import AtSource

Statement = tuple[sql.Composed, list[str]]


def identity(at: AtSource, asker: Asker | None, limit_ms: int) -> Statement:
    """The statement, and its parameters: nothing of an asker is ever part of a statement. None: nobody asks.

    No later statement may take longer than `limit_ms`.
    """
    who = None if asker is None else asker.principal
    settings = {
        "statement_timeout": str(limit_ms),
        at.subject: who.subject if who else "",
        at.tenant: who.tenant if who else "",
        at.agent: who.agent if who else "",
        at.attributes: orjson.dumps(dict(asker.attributes) if asker else {}).decode(),
        "role": at.role,
    }
    each = sql.SQL(", ").join([sql.SQL("set_config(%s, %s, true)")] * len(settings))
    return sql.SQL("SELECT {}").format(each), [text for pair in settings.items() for text in pair]
