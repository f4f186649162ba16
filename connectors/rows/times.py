"""Dates, times and intervals: from PostgreSQL's ISO text (session in UTC) to Debezium's `isostring`. Pure."""

import re
from datetime import UTC, datetime
from fractions import Fraction

from connectors.rows.unsure import Unsure

_ENDLESS = {"infinity": "+294247-01-10T04:00:25.2Z", "-infinity": "-290308-12-21T19:59:27.6Z"}
_PARTS = re.compile(r"(-?\d+) (years?|mons?|days?)")
_CLOCK = re.compile(r"([+-]?)(\d+):(\d\d):(\d\d(?:\.\d+)?)$")
_DAYS_OF_MONTH = Fraction("30.4375")
_DAY = 86_400_000_000


def iso_date(text: str) -> str:
    """`2026-11-23Z`. Raises Unsure for infinity and before Christ: there snapshot and stream differ."""
    if text.endswith(("infinity", "BC")):
        raise Unsure(f"the date {text} is written differently by snapshot and stream")
    return _year(text) + "Z"


def iso_time(text: str) -> str:
    """`12:34:56.5Z`; PostgreSQL's 24:00:00 is midnight."""
    return ("00" + text[2:] if text.startswith("24") else text) + "Z"


def iso_timetz(text: str) -> str:
    """The same in UTC, within its day."""
    clock, offset = text[:8], re.search(r"[+-]\d\d(?::\d\d){0,2}$", text)
    if offset is None:
        raise Unsure(f"{text} has no zone")
    fraction = text[8 : offset.start()]
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    shift = [int(part) for part in offset[0][1:].split(":")] + [0, 0]
    away = (shift[0] * 3600 + shift[1] * 60 + shift[2]) * (-1 if offset[0][0] == "-" else 1)
    moment = datetime.fromtimestamp((hours * 3600 + minutes * 60 + seconds - away) % 86400, UTC)
    return f"{moment:%H:%M:%S}{fraction}Z"


def iso_timestamp(text: str) -> str:
    """`2026-11-23T12:34:56.5Z`, as many digits of a second as there are."""
    return _ENDLESS.get(text) or _moment(text) + "Z"


def iso_timestamptz(text: str, digits: int) -> str:
    """In UTC, with all the digits of a second that the column has; infinity stays a word."""
    if text.endswith("infinity"):
        return text
    whole, _, fraction = _moment(re.sub(r"\+00(?= BC$|$)", "", text)).partition(".")
    wanted = 6 if digits < 0 else digits
    return f"{whole}.{fraction:0<{wanted}}Z" if wanted else f"{whole}Z"


def microseconds(text: str) -> int:
    """An interval's length; a month counts 30.4375 days."""
    days = Fraction(0)
    for number, unit in _PARTS.findall(text):
        days += int(number) * {"y": 12 * _DAYS_OF_MONTH, "m": _DAYS_OF_MONTH, "d": Fraction(1)}[unit[0]]
    clock = _CLOCK.search(text)
    passed = Fraction(0)
    if clock is not None:
        passed = int(clock[2]) * 3600 + int(clock[3]) * 60 + Fraction(clock[4])
    return int(days * _DAY + passed * 1_000_000 * (-1 if clock is not None and clock[1] == "-" else 1))


def _moment(text: str) -> str:
    if text.endswith(" BC"):
        day, clock = text.removesuffix(" BC").split(" ")
        year, rest = day.split("-", 1)
        return f"-{int(year) - 1:04}-{rest}T{clock}" if year != "0001" else f"0000-{rest}T{clock}"
    return _year(text).replace(" ", "T")


def _year(text: str) -> str:
    """Java marks a year of more than four digits with a plus."""
    return text if text[4] == "-" else "+" + text
