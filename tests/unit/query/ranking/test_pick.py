from ranking_stage import row

from index.store import Row
from query.ranking.pick import EVERY, TOLD, Rule, said

KEY = (0.5, 1, "r", 0)


def picked(rule: Rule, rows: list[Row]) -> list[str]:
    picking = rule.begin()
    keys = [(1 - n / 10, one.event_ms, one.record_id, one.chunk) for n, one in enumerate(rows)]
    return [one.record_id for one, key in zip(rows, keys, strict=True) if picking.picks(one, key)]


def test_of_records_that_say_the_same_the_first_is_shown_and_names_the_others() -> None:
    rows = [
        row("a", title="The  Title", text="some\ntext "),
        row("b", title="the title", text="Some text"),
        row("c", title="the title", text="some other text"),
    ]
    picking = EVERY.begin()
    assert [picking.picks(one, KEY) for one in rows] == [True, False, True]
    assert (picking.duplicates(rows[0]), picking.duplicates(rows[2])) == (["b"], [])


def test_of_very_many_records_that_say_the_same_only_so_many_are_named() -> None:
    rows = [row(f"r{n:03}", title="same", text="said") for n in range(100)]
    picking = EVERY.begin()
    assert [one.record_id for one in rows if picking.picks(one, KEY)] == ["r000"]
    assert picking.duplicates(rows[0]) == [f"r{n:03}" for n in range(1, 1 + TOLD)]


def test_a_title_that_runs_into_the_text_is_not_the_same() -> None:
    assert said(row("a", title="one two", text="three")) != said(row("a", title="one", text="two three"))


def test_no_source_has_more_than_its_share() -> None:
    rows = [row(f"{source}{n}", source=source) for n in range(3) for source in ("wiki", "mail")]
    assert picked(Rule(2), rows) == ["wiki0", "mail0", "wiki1", "mail1"]
    assert picked(Rule({"mail": 1}), rows) == ["wiki0", "mail0", "wiki1", "wiki2"]


def test_a_copy_in_a_source_that_is_used_up_makes_room_for_the_one_elsewhere() -> None:
    rows = [row("w1", source="wiki"), row("w2", source="wiki", text="same"), row("m1", source="mail", text="same")]
    assert picked(Rule({"wiki": 1}), rows) == ["w1", "m1"]


def test_a_page_begins_after_the_last_record_of_the_page_before_and_counts_it() -> None:
    rows = [row(f"r{n}", text="same" if n in (1, 3) else f"text {n}") for n in range(5)]
    after = Rule(3, after=(0.9, rows[1].event_ms, "r1", 0))
    assert picked(after, rows) == ["r2"], "r0 and r1 count for the share, and r3 says what r1 said"
