"""Judging what an index shows after hard events."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import orjson
import pytest

from bench.common.result import Result
from bench.correctness.contestants import Stage, last_error
from bench.correctness.outcome import Outcome, judge, shown
from bench.correctness.run import outcomes, section
from bench.events import Event
from bench.events.hard import HardCase, Shown, hard_cases
from bench.events.source_log import UNCHANGED

CASES = {case.name: case for case in hard_cases()}
OLD = "The first version of the text of row {}."


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_exactly_what_must_be_shown_is_right(case: HardCase) -> None:
    others = {"9000": Shown("another row", "open")}
    assert judge(case, {**case.right, **others}) == Outcome("right")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_was_shown_before_the_hard_event_is_wrong(case: HardCase) -> None:
    key = min(case.keys, key=int)
    assert judge(case, {key: Shown(OLD.format(key), "open")}).verdict == "wrong"


def test_a_placeholder_shown_as_text_is_wrong() -> None:
    found = {"2": Shown(UNCHANGED, "solved")}
    assert judge(CASES["unchanged TOAST"], found).what == "Debezium's placeholder is shown as the text"


def test_a_version_from_in_between_is_an_older_one() -> None:
    found = {"3": Shown("In between, row 3.", "waiting")}
    assert judge(CASES["redelivery"], found).what == "an older version is shown"


def test_a_deleted_row_that_is_shown_is_wrong() -> None:
    found = {"4": Shown(OLD.format(4), "open")}
    assert judge(CASES["key-only delete"], found).what == "a row that is gone is still shown"


def test_a_row_under_its_old_key_only_is_wrong_twice() -> None:
    found = {"5": Shown(OLD.format(5), "open")}
    assert judge(CASES["key change"], found).what == "the row is missing; a row that is gone is still shown"


def test_a_stale_column_beside_the_right_text_is_wrong() -> None:
    right = CASES["null before"].right["1"]
    what = judge(CASES["null before"], {"1": Shown(right.text, "open")}).what
    assert what == "the text is right, the column beside it is still 'open'"


@pytest.mark.parametrize(
    "row",
    [
        {"record_id": "bench/public.articles/7", "text": "t", "metadata": '{"status": "open"}'},
        {"record": "7", "text": "t", "metadata": {"status": "open"}},
        {"doc_id": "7", "text": "t", "status": "open"},
        {"pk": "public.articles:7", "text": "t", "status": "open"},
    ],
)
def test_rows_of_every_system_are_read_alike(row: dict[str, object]) -> None:
    assert shown([row]) == {"7": Shown("t", "open")}


def test_a_key_with_two_rows_shows_both() -> None:
    rows = [{"doc_id": "7", "text": text, "status": "open"} for text in ("new", "old")]
    assert shown(rows) == {"7": Shown("new | old", "open")}


def test_the_table_has_a_line_for_each_system_and_says_what_each_case_is() -> None:
    measured = {
        "Freshline": {"a": {"verdict": "right", "what": ""}},
        "other": {"a": {"verdict": "wrong", "what": "why"}},
    }
    page = section(Result("what", {"a": "what a is"}, {}, measured)).markdown
    assert "| Freshline | right |" in page
    assert "| other | **wrong**: why |" in page
    assert "- a: what a is" in page


class Naive:
    """A system that believes every event in turn, and ends at operations it does not like."""

    def __init__(self, dislikes: Sequence[str] = ()) -> None:
        self.index: dict[str, Shown] = {}
        self.alive = True
        self.runs = 0
        self._dislikes = dislikes

    @contextmanager
    def start(self, run: str) -> Iterator[Stage]:
        self.index, self.alive, self.runs = {}, True, self.runs + 1
        yield Stage(self.write, lambda: True, lambda: None if self.alive else "E", lambda: self.index)

    def write(self, events: Iterable[Event]) -> None:
        for event in events:
            if self.alive and event.value is not None:
                self.apply(orjson.loads(event.value))

    def apply(self, envelope: dict[str, dict[str, str]]) -> None:
        if envelope["op"] in self._dislikes:
            self.alive = False
        elif envelope["after"]:
            self.index[str(envelope["after"]["id"])] = Shown(envelope["after"]["body"], envelope["after"]["status"])
        elif envelope["before"]:
            self.index.pop(str(envelope["before"]["id"]), None)


def verdicts(system: Naive) -> dict[str, str]:
    found = outcomes(lambda line: None, system.start, list(CASES.values()), "run", settle=0)
    return {case: one.verdict for case, one in found.items()}


def test_a_naive_system_fails_where_believing_is_not_enough() -> None:
    system = Naive()
    assert verdicts(system) == {
        "null before": "right",
        "unchanged TOAST": "wrong",
        "redelivery": "wrong",
        "key-only delete": "right",
        "key change": "right",
        "truncate": "wrong",
    }
    assert system.runs == 2


def test_a_system_that_ends_at_one_kind_of_event_is_asked_about_each_case_alone() -> None:
    system = Naive(dislikes="d")
    assert verdicts(system) == {
        "null before": "right",
        "unchanged TOAST": "wrong",
        "redelivery": "wrong",
        "key-only delete": "crashed",
        "key change": "crashed",
        "truncate": "wrong",
    }
    assert system.runs == 7


def test_a_system_that_ends_at_once_is_reported_as_not_run() -> None:
    assert set(verdicts(Naive(dislikes="c")).values()) == {"not run"}


def test_the_last_error_of_a_log_is_told_without_its_module() -> None:
    log = "ValueError: first\nTraceback\npathway.engine.EngineError: Got a second  insertion\nOccurred here:\n"
    assert last_error(log) == "EngineError: Got a second insertion"
    assert last_error("Killed\n") == "the process ended"
