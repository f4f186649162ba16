"""Beats as Debezium makes them: with a place in the source's log."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.position import Position
from schemas.progress import Progress

Beat = Callable[..., None]


@pytest.fixture
def beat(company: Any) -> Beat:
    """Says that a source is searchable up to `behind_s` before now, and to `lsn` in its log."""

    def beat(source: str, lsn: int = 0, behind_s: float = 0.0, stopped: tuple[str, ...] = ()) -> None:
        now_ms = company.now.wall_ms
        company.view.advance(
            Progress(
                source=source,
                watermark_ms=now_ms - round(behind_s * 1000),
                position=Position(f"{0:016x}.{lsn:016x}.{0:08x}"),
                measured_ms=now_ms,
                grants={},
                stopped=stopped,
            )
        )

    return beat
