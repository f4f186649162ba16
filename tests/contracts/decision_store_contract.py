"""What every decision store promises; a test class inherits this and provides `store` and `reopen`."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from decision_stage import all_of, draft, making

from query.decisions.entry import Entry
from query.decisions.store import DecisionStore, entries, last_sequence


class DecisionStoreContract:
    def test_entries_come_back_as_they_were_in_order_and_page_by_page(self, store: DecisionStore) -> None:
        made: list[Entry] = []

        def make(first: int) -> list[Entry]:
            made[:] = making(*map(draft, range(5)))(first)
            return made

        store.append(make)
        assert [entry.sequence for entry in made] == [1, 2, 3, 4, 5]
        assert all_of(store) == made
        assert store.read(1, 2) == made[1:3]
        assert store.read(5, 10) == []
        assert list(entries(store, after=3)) == made[3:]

    def test_the_next_append_goes_on_where_the_last_ended_also_after_reopening(
        self, store: DecisionStore, reopen: Callable[[], DecisionStore]
    ) -> None:
        assert last_sequence(store) == 0
        store.append(making(draft(1), draft(2)))
        again = reopen()
        again.append(making(draft(3)))
        assert [entry.sequence for entry in all_of(store)] == [1, 2, 3]
        assert last_sequence(store) == 3

    def test_reading_back_gives_the_newest_first_and_goes_on_below(self, store: DecisionStore) -> None:
        assert store.read_back("acme", None, 5) == []
        store.append(making(*map(draft, range(5))))
        assert [entry.sequence for entry in store.read_back("acme", None, 2)] == [5, 4]
        assert [entry.sequence for entry in store.read_back("acme", 4, 10)] == [3, 2, 1]
        assert store.read_back("acme", 1, 10) == []

    def test_reading_back_gives_what_is_of_a_tenant_and_passes_over_all_others(self, store: DecisionStore) -> None:
        store.append(making(draft(0), draft(1, tenant="rival"), draft(2, tenant=""), draft(3)))
        assert [entry.sequence for entry in store.read_back("acme", None, 2)] == [4, 1]
        assert [entry.sequence for entry in store.read_back("rival", 4, 2)] == [2]
        assert store.read_back("acme' OR 1=1 --", None, 2) == []

    def test_find_gives_the_newest_by_id_and_by_kind(self, store: DecisionStore) -> None:
        store.append(making(*map(draft, range(4))))
        assert [entry.sequence for entry in store.find(limit=2)] == [4, 3]
        assert [entry.sequence for entry in store.find(record_id=f"{1:032x}")] == [2]
        assert [entry.sequence for entry in store.find(kind="answer", limit=3)] == [4, 3, 2]
        assert store.find(kind="head") == []
        assert store.find(record_id="' OR 1=1 --") == []

    @pytest.mark.parametrize("text", ['it\'s "quoted" \\', "nul \\u0000 in JSON", "Zürich 🚒\n\t"])
    def test_any_text_is_kept_exactly(self, store: DecisionStore, text: str) -> None:
        store.append(making(draft(1, text=text)))
        payload = all_of(store)[0].payload
        assert payload is not None
        assert payload.body == text

    def test_when_one_entry_cannot_be_made_nothing_is_appended_and_nothing_erased(self, store: DecisionStore) -> None:
        store.append(making(draft(1)))

        def fail(first: int) -> list[Entry]:
            raise RuntimeError("no")

        with pytest.raises(RuntimeError):
            store.append(fail, erased=[(1, 1)])
        assert [entry.payload is None for entry in all_of(store)] == [False]
        store.append(making(draft(2)))
        assert last_sequence(store) == 2

    def test_an_erased_payload_is_gone_and_the_rest_of_its_entry_stays(self, store: DecisionStore) -> None:
        store.append(making(*map(draft, range(5))))
        before = all_of(store)
        store.append(making(draft(9)), erased=[(1, 1), (3, 4)])
        after = all_of(store)
        assert [entry.sequence for entry in after if entry.payload is None] == [1, 3, 4]
        assert [(e.envelope, e.seal) for e in after[:5]] == [(e.envelope, e.seal) for e in before]

    def test_rows_shown_counts_each_answer_once_under_any_of_the_ids(self, store: DecisionStore) -> None:
        store.append(making(draft(1, 3, ("root", "a")), draft(2, 4, ("root", "b")), draft(3, 5), draft(4, 0, ("a",))))
        store.append(making(draft(5, 2, ("a", "a"))), erased=[(1, 1)])
        assert store.rows_shown(["root"]) == 7
        assert store.rows_shown(["a"]) == 5
        assert store.rows_shown(["root", "a", "b"]) == 9
        assert store.rows_shown(["unknown"]) == store.rows_shown([]) == 0

    def test_eight_threads_at_once_leave_no_gap_and_lose_nothing(self, store: DecisionStore) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: store.append(making(draft(number))), range(64)))
        found = all_of(store)
        assert [entry.sequence for entry in found] == list(range(1, 65))
        assert {entry.opened().id for entry in found} == {f"{number:032x}" for number in range(64)}
        assert [entry.opened().sequence for entry in found] == list(range(1, 65))

    def test_one_at_a_time_leads_a_role(self, store: DecisionStore, reopen: Callable[[], DecisionStore]) -> None:
        other = reopen()
        with store.lead("seal") as first, other.lead("seal") as second, other.lead("copy") as another_role:
            assert (first, second, another_role) == (True, False, True)
        with other.lead("seal") as after:
            assert after
