"""The watch finds what it is there to find, and nothing else."""

import pytest

from infra.chaos.product import Person, Seen
from infra.chaos.timeline import Access, Membership, Timeline, member_name
from infra.chaos.watch import AnswerWatch, RecordWatch
from schemas.answer import Answer, Hit, SourceStatus
from schemas.position import Position

ANN, BEN = Person("ann", "red"), Person("ben", "red")
NAME = "chaos/chaos.notes/1"
BY_ANN = Access("red", "ann", "1", None)


def at(position: str, deleted: str = "") -> Seen:
    return Seen(position=Position(position), deleted=Position(deleted))


GONE, GONE_AT_5 = Seen(), at("", "5")


@pytest.fixture
def timeline() -> Timeline:
    """A record of ann's since 100."""
    timeline = Timeline()
    timeline.announce({NAME: BY_ANN}, 100)
    timeline.settle({NAME: BY_ANN}, 101)
    return timeline


def deleted(timeline: Timeline, at_ms: float) -> None:
    timeline.announce({NAME: None}, at_ms)
    timeline.settle({NAME: None}, at_ms)


def looks(timeline: Timeline, *seen: Seen, watermark_ms: int = 0) -> RecordWatch:
    watch = RecordWatch(timeline)
    for one in seen:
        watch.look({NAME: one}, watermark_ms)
    return watch


def test_a_record_that_moves_forward_is_fine(timeline: Timeline) -> None:
    found = looks(timeline, GONE, at("1"), at("1"), at("3")).found
    assert (found.regressions, found.resurrections) == ([], [])


def test_an_older_position_than_before_is_a_regression(timeline: Timeline) -> None:
    assert len(looks(timeline, at("2"), at("1")).found.regressions) == 1


def test_a_record_gone_that_nobody_began_to_delete_is_a_regression(timeline: Timeline) -> None:
    assert len(looks(timeline, at("2"), GONE).found.regressions) == 1


def test_a_record_gone_because_somebody_began_to_delete_it_is_fine(timeline: Timeline) -> None:
    timeline.announce({NAME: None}, 200)
    assert looks(timeline, at("2"), GONE).found.regressions == []


def test_a_tombstone_beside_a_record_that_is_about_to_go_is_fine(timeline: Timeline) -> None:
    deleted(timeline, 200)
    found = looks(timeline, at("2", deleted="5"), at("2", deleted="5"), GONE_AT_5).found
    assert (found.regressions, found.resurrections) == ([], [])


def test_a_deleted_record_that_comes_back_older_than_its_tombstone_is_a_resurrection(timeline: Timeline) -> None:
    deleted(timeline, 200)
    assert len(looks(timeline, at("2"), GONE_AT_5, at("3")).found.resurrections) == 1


def test_a_record_that_comes_back_although_it_is_deleted_for_good_is_a_resurrection(timeline: Timeline) -> None:
    deleted(timeline, 200)
    assert len(looks(timeline, at("2"), GONE, at("9"), watermark_ms=250).found.resurrections) == 1


def test_a_record_that_was_not_there_yet_before_the_watermark_passed_its_delete_is_fine(timeline: Timeline) -> None:
    deleted(timeline, 200)
    assert looks(timeline, GONE, at("2"), watermark_ms=150).found.resurrections == []


def test_a_record_made_anew_under_its_key_is_fine(timeline: Timeline) -> None:
    deleted(timeline, 200)
    watch = looks(timeline, at("2"), GONE_AT_5, watermark_ms=250)
    timeline.announce({NAME: BY_ANN}, 300)
    watch.look({NAME: at("7")}, 250)
    assert watch.found.resurrections == []


def answer(watermark_ms: int, *positions: str) -> Answer:
    status = SourceStatus(source="chaos", state="fresh", watermark_ms=watermark_ms, lag_ms=0, slo_ms=2000)
    numbers = dict.fromkeys(("score", "relevance", "similarity", "freshness"), 1.0) | dict.fromkeys(
        ("commit_ms", "event_ms"), 1
    )
    words = dict.fromkeys(("title", "text", "url"), "") | {"source": "chaos", "table": "chaos.notes"}
    fixed = {**numbers, **words, "age_ms": 0, "key": {}, "metadata": {}, "chunk": 0, "why": []}
    hits = [Hit.model_validate({**fixed, "record_id": NAME, "position": position}) for position in positions]
    return Answer(hits=hits, sources=[status], exact=True, answered_ms=watermark_ms, timings={})


def test_an_owner_and_a_member_may_see_and_others_leak(timeline: Timeline) -> None:
    watch = AnswerWatch(timeline)
    timeline.announce({member_name("1", "ben"): Membership("red")}, 150)
    watch.look(ANN, answer(200, "1"), 210)
    watch.look(BEN, answer(200, "1"), 210)
    assert watch.found.leaks == []
    watch.look(Person("cho", "red"), answer(200, "1"), 210)
    watch.look(Person("ann", "blue"), answer(200, "1"), 210)
    assert len(watch.found.leaks) == 2


def test_a_member_of_another_tenant_or_one_who_is_barred_may_not_see(timeline: Timeline) -> None:
    watch = AnswerWatch(timeline)
    timeline.announce({member_name("1", "ben"): Membership("blue")}, 150)
    watch.look(BEN, answer(200, "1"), 210)
    assert len(watch.found.leaks) == 1
    barred = Access("red", "ann", "1", "ann")
    timeline.announce({NAME: barred}, 220)
    timeline.settle({NAME: barred}, 221)
    watch.look(ANN, answer(230, "1"), 240)
    assert len(watch.found.leaks) == 2


def test_what_ended_is_a_leak_only_once_the_watermark_has_passed_it(timeline: Timeline) -> None:
    watch = AnswerWatch(timeline)
    deleted(timeline, 300)
    watch.look(ANN, answer(299, "1"), 900)
    assert watch.found.leaks == []
    watch.look(ANN, answer(301, "1"), 900)
    assert len(watch.found.leaks) == 1


def test_what_was_rolled_back_allows_nothing(timeline: Timeline) -> None:
    timeline.announce({NAME: Access("red", "ben", "1", None)}, 150)
    timeline.settle({NAME: BY_ANN}, 160)
    watch = AnswerWatch(timeline)
    watch.look(BEN, answer(170, "1"), 180)
    assert len(watch.found.leaks) == 1


def test_a_record_nobody_knows_is_a_leak() -> None:
    watch = AnswerWatch(Timeline())
    watch.look(ANN, answer(1, "1"), 2)
    assert len(watch.found.leaks) == 1


def test_an_older_chunk_in_a_later_answer_is_a_regression(timeline: Timeline) -> None:
    watch = AnswerWatch(timeline)
    watch.look(ANN, answer(200, "2"), 210)
    watch.look(ANN, answer(200, "1"), 210)
    assert len(watch.found.regressions) == 1
