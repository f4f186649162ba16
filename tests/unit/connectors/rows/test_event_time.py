"""Event times: as Debezium writes them, whatever the column's type."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.rows.event_time import event_ms
from schemas.errors import Rejected

MOMENT = 1795400764443


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        ("2026-11-23T02:26:04.443322Z", MOMENT),
        ("2026-11-23T02:26:04.443322", MOMENT),
        ("2026-11-23 02:26:04.443+00", MOMENT),
        ("2026-11-23T04:26:04.443322+02:00", MOMENT),
        ("2026-11-23T02:26:04.443322999Z", MOMENT),
        ("2026-11-23", 1795392000000),
        ("2026-11-23Z", 1795392000000),
        ("1970-01-01T00:00:00.000000Z", 0),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("0001-01-01T00:00:00+14:00", -62135647200000),
        (MOMENT, MOMENT),
        (MOMENT * 1000 + 322, MOMENT),
        (MOMENT * 1_000_000 + 322_999, MOMENT),
        (20780, 1795392000000),
        (0, 0),
        (2**64 - 1, (2**64 - 1) // 10**6),
    ],
    ids=str,
)
def test_a_time_is_read_in_every_spelling(value: Any, ms: int) -> None:
    assert event_ms(value, "updated_at") == ms


@pytest.mark.parametrize("ms", [1_700_000_000_000 + n * 997 for n in range(0, 1000, 7)])
def test_no_millisecond_is_lost_to_rounding(ms: int) -> None:
    moment = datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    assert event_ms(f"{moment}.{ms % 1000:03d}Z", "updated_at") == ms


@pytest.mark.parametrize(
    "value",
    [
        "",
        "soon",
        "infinity",
        "+292278994-08-16T23:00:00Z",
        "12:30:00",
        "2026-13-01",
        -1,
        10**6,
        10**9,
        1.5,
        True,
        [],
        {},
    ],
    ids=repr,
)
def test_what_is_no_time_is_rejected_by_column_and_never_shown(value: Any) -> None:
    with pytest.raises(Rejected, match="'updated_at'") as rejected:
        event_ms(value, "updated_at")
    assert rejected.value.reason == "malformed_event"
    assert "soon" not in str(rejected.value)
