"""Rows, backlog and dead letters: what is not known is None, and nobody waits long for them."""

import threading
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest

from connectors.kafka_offsets import KafkaOffsets
from query.freshness.counts import NEW_S, OLD_S, Counts, Latest, Reading, with_counts
from query.freshness.letters import Tally
from schemas.answer import SourceStatus
from schemas.errors import IndexUnavailable, Unavailable

ENDS = {("helpdesk.helpdesk.rows", 0): 10, ("wiki.wiki.rows", 0): 5, ("freshline.changes", 0): 7}
DONE = {("helpdesk.helpdesk.rows", 0): 8, ("wiki.wiki.rows", 0): 5, ("freshline.changes", 0): 6}


class Group:
    """The stream job's place in topics."""

    def end_offsets(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        return {at: end for at, end in ENDS.items() if at[0] in topics}

    def begin_offsets(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        return dict.fromkeys(self.end_offsets(topics), 0)

    def committed(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        return {at: offset for at, offset in DONE.items() if at[0] in topics}


class NoKafka:
    def __getattr__(self, _: str) -> Callable[..., Any]:
        return _away


def _away(*_: object) -> Any:
    raise Unavailable("Kafka")


class Letters:
    def counted(self) -> dict[tuple[str, str], int]:
        return {("wiki", "quality"): 2, ("wiki", "no_permission"): 1, ("elsewhere", "quality"): 4}


def no_index(_: str) -> int:
    raise IndexUnavailable()


def reading(company: Any, group: object, letters: object, rows: Callable[[str], int]) -> dict[str, Counts]:
    contracts = list(company.contracts.values())
    return Reading(contracts, cast(KafkaOffsets, group), cast(Tally, letters), rows)()


def test_what_waits_is_the_sources_own_and_what_all_share(company) -> None:
    found = reading(company, Group(), Letters(), lambda source: 100)
    assert found["helpdesk"] == Counts(100, 3, {})
    assert found["wiki"] == Counts(100, 1, {"no_permission": 1, "quality": 2})
    assert (found["wiki"].dead_letters, found["wiki"].current_share) == (3, 0.96)


class NoLetters:
    counted = staticmethod(_away)


def test_without_kafka_or_index_what_they_know_is_unknown_and_so_is_the_share(company) -> None:
    found = reading(company, NoKafka(), NoLetters(), lambda source: 100)
    assert found == dict.fromkeys(("helpdesk", "wiki"), Counts(100, None, None))
    found = reading(company, Group(), Letters(), no_index)
    assert (found["wiki"].rows, found["wiki"].backlog, found["wiki"].current_share) == (None, 1, None)


@pytest.mark.parametrize(
    ("rows", "backlog", "letters", "share"),
    [(0, 0, 0, 1.0), (0, 1, 0, 0.0), (4, 1, 0, 0.75), (4, 1, 1, 0.5), (4, 9, 0, 0.0), (4, 0, 0, 1.0)],
)
def test_the_share_is_cut_at_nothing_and_all(rows: int, backlog: int, letters: int, share: float) -> None:
    assert Counts(rows, backlog, {"quality": letters}).current_share == share


@pytest.mark.parametrize(("state", "share"), [("fresh", 0.9), ("late", None), ("unknown", None), ("withheld", None)])
def test_of_a_source_that_is_not_fresh_no_share_is_claimed(state: Any, share: float | None) -> None:
    status = SourceStatus(source="wiki", state=state, watermark_ms=1, lag_ms=1, slo_ms=1)
    assert with_counts(status, Counts(10, 1, {})).current_share == share


class Steady:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_counts_are_read_once_in_a_while() -> None:
    read, steady = [], Steady()
    latest = Latest(lambda: (read.append(1), {"wiki": Counts(len(read))})[1], steady)
    assert latest(5)["wiki"].rows == latest(5)["wiki"].rows == 1
    steady.now += NEW_S
    assert latest(5)["wiki"].rows == 2


def test_who_asks_while_a_reading_hangs_gets_the_last_one_and_nothing_once_it_is_old() -> None:
    steady, go_on, answers = Steady(), threading.Event(), iter([0, 1])

    def read() -> dict[str, Counts]:
        if next(answers):
            go_on.wait(10)
        return {"wiki": Counts(1)}

    latest = Latest(read, steady)
    assert latest(5)
    steady.now += NEW_S
    assert latest(0)["wiki"].rows == 1
    steady.now += OLD_S
    assert latest(0) == {}
    go_on.set()


def test_a_reading_that_fails_is_told_in_the_log_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter([KeyError("broken"), {"wiki": Counts(1)}])

    def read() -> dict[str, Counts]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    latest = Latest(read, Steady())
    assert latest(5) == {}
    assert "could not be read: KeyError" in caplog.text
    assert latest(5)["wiki"].rows == 1
