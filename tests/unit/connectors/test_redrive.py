"""A redrive's order, at last against a model of a partition: the last event of each record is its newest."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from connectors.dead_letters import Entry, record_of
from connectors.redrive import Event, has_expired, in_order, of_same_records
from schemas.change import Origin
from schemas.dead_letter import FIRST_OFFSET

TOPIC = "shop.public.orders"


def entry(offset: int, key: bytes | None = b"a", first: int | None = None, partition: int = 0) -> Entry:
    origin = Origin(topic=TOPIC, partition=partition, offset=offset)
    record = record_of(key)
    at = offset if first is None else first
    return Entry(origin, 0, at, 0, "shop", "public.orders", "no_permission", "", record, "", 0)


def event(offset: int, key: bytes | None = b"a", first: int | None = None) -> Event:
    headers = () if first is None else ((FIRST_OFFSET, str(first).encode()),)
    return Event(offset, key, b"%d" % offset, headers)


def written(entries: Sequence[Entry], later: Sequence[Event], key: bytes | None = b"a") -> list[int]:
    events = [event(one.origin.offset, key, one.first) for one in entries]
    return [one.offset for one in in_order(entries, events, later)]


def test_other_open_letters_of_the_same_record_come_along_in_their_order() -> None:
    open_letters = [entry(9), entry(5), entry(3), entry(4, b"b"), entry(6, partition=1), entry(7, None)]
    assert [e.origin.offset for e in of_same_records(open_letters, [entry(5)])] == [3, 5, 9]
    assert [e.origin.offset for e in of_same_records(open_letters, [entry(4, b"b"), entry(5)])] == [3, 4, 5, 9]


def test_letters_without_a_key_have_no_record_in_common() -> None:
    open_letters = [entry(1, None), entry(2, None)]
    assert of_same_records(open_letters, [open_letters[1]]) == [open_letters[1]]


def test_an_older_event_that_was_redriven_and_rejected_again_is_still_written_before_a_newer_one() -> None:
    open_letters = [entry(5), entry(30, first=3), entry(7, b"b")]
    ordered = of_same_records(open_letters, open_letters)
    assert [e.origin.offset for e in ordered] == [7, 30, 5]
    assert written([e for e in ordered if e.record == record_of(b"a")], [event(31, first=8)]) == [30, 5, 31]


def test_newer_versions_are_written_again_after_the_letter_and_nothing_else_is() -> None:
    later = [event(4, b"b"), event(5), event(6, None), event(7), event(8, b"b")]
    assert written([entry(3)], later) == [3, 5, 7]


def test_a_newer_letter_takes_its_place_among_the_newer_versions() -> None:
    assert written([entry(3), entry(6)], [event(n) for n in (4, 5, 6, 7)]) == [3, 4, 5, 6, 7]


def test_a_copy_that_an_earlier_redrive_left_of_an_older_version_is_not_written_again() -> None:
    assert written([entry(5)], [event(8), event(20, first=3), event(21, first=8)]) == [5, 8, 21]


def test_an_event_without_a_key_goes_alone() -> None:
    assert written([entry(3, None)], [event(4, None), event(5)], key=None) == [3]


def test_an_event_notes_where_it_first_stood_and_keeps_its_own_headers() -> None:
    assert Event(7, b"k", None, (("a", b"1"),)).noted() == (("a", b"1"), (FIRST_OFFSET, b"7"))
    assert Event(9, b"k", None, ((FIRST_OFFSET, b"7"),)).noted() == ((FIRST_OFFSET, b"7"),)


def test_a_letter_expires_when_what_came_after_it_may_be_gone() -> None:
    place = (TOPIC, 0)
    assert not has_expired(entry(5), {place: 6}, {place: 10})
    assert has_expired(entry(5), {place: 7}, {place: 10})
    assert has_expired(entry(10), {place: 0}, {place: 10})
    assert not has_expired(entry(5, None), {place: 7}, {place: 10})
    assert has_expired(entry(5, None), {}, {})


@dataclass
class Partition:
    """A partition in which some events are rejected, each time they come, until they are repaired."""

    log: list[Event] = field(default_factory=list)
    bad: set[int] = field(default_factory=set)
    letters: dict[int, Entry] = field(default_factory=dict)

    def append(self, key: bytes, value: bytes, headers: tuple[tuple[str, bytes], ...]) -> None:
        new = Event(len(self.log), key, value, headers)
        self.log.append(new)
        if new.first in self.bad:
            self.letters[new.offset] = entry(new.offset, key, new.first)

    def redrive(self, chosen: int) -> None:
        ordered = of_same_records(self.letters.values(), [self.letters[chosen]])
        events = [self.log[one.origin.offset] for one in ordered]
        later = self.log[ordered[0].origin.offset + 1 :]
        for one in ordered:
            del self.letters[one.origin.offset]
        for one in list(in_order(ordered, events, later)):
            assert one.key is not None
            assert one.value is not None
            self.append(one.key, one.value, one.noted())


@given(
    keys=st.lists(st.sampled_from([b"a", b"b"]), min_size=1, max_size=12),
    bad=st.sets(st.integers(0, 11)),
    steps=st.lists(st.tuples(st.integers(0, 99), st.sampled_from(["redrive", "drop", "repair"])), max_size=8),
)
def test_whatever_is_redriven_dropped_and_repaired_the_newest_of_each_record_stands_last(
    keys: list[bytes], bad: set[int], steps: list[tuple[int, str]]
) -> None:
    partition = Partition(bad=bad)
    for number, key in enumerate(keys):
        partition.append(key, b"%d" % number, ())
    for number, step in steps:
        if not partition.letters:
            break
        chosen = sorted(partition.letters)[number % len(partition.letters)]
        if step == "drop":
            del partition.letters[chosen]
            continue
        if step == "repair":
            partition.bad = partition.bad - {partition.log[chosen].first}
        partition.redrive(chosen)
    for key in set(keys):
        newest = max(number for number, other in enumerate(keys) if other == key)
        assert [one.first for one in partition.log if one.key == key][-1] == newest


def test_a_relabel_is_kept_in_order_with_its_record() -> None:
    assert record_of(b"helpdesk/tickets/1#label") == record_of(b"helpdesk/tickets/1")
