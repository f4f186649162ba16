"""When a record's content is from: a column's value as milliseconds since 1970, UTC. Pure."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from schemas.errors import Rejected

_DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def event_ms(value: Any, column: str) -> int:
    """Read a time as Debezium writes it: ISO 8601 text (no zone = UTC), or a number since 1970.

    Without a schema a number does not tell its unit, so its size does: days below 10^6, then milliseconds,
    microseconds, nanoseconds from 10^10, 10^14 and 10^17 (right from 1973-04 on). Raises Rejected otherwise.
    """
    if isinstance(value, str):
        return _from_text(value, column)
    if isinstance(value, int) and not isinstance(value, bool):
        for at_least, per_ms in ((10**17, 10**6), (10**14, 10**3), (10**10, 1)):
            if value >= at_least:
                return value // per_ms
        if 0 <= value < 10**6:
            return value * _DAY_MS
    raise Rejected("malformed_event", f"event time column {column!r} holds {type(value).__name__} that is not a time")


def _from_text(value: str, column: str) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        try:
            moment = datetime.combine(date.fromisoformat(value.removesuffix("Z")), datetime.min.time())
        except ValueError:
            raise Rejected("malformed_event", f"event time column {column!r} holds text that is not a time") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
