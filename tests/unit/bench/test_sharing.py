"""The simulated companies: the same for a seed, and as their description says."""

import numpy as np
import pytest

from bench.labels.sharing import SOURCES, company, together


@pytest.mark.parametrize("lean", [False, True])
def test_the_same_seed_gives_the_same_company(lean: bool) -> None:
    one, other = (together(500, 6, lean) for _ in range(2))
    assert [(name, each.labels, each.seen.tolist()) for name, each in one.items()] == [
        (name, each.labels, each.seen.tolist()) for name, each in other.items()
    ]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("lean", [False, True])
def test_nobody_sees_more_labels_than_there_are(source: str, lean: bool) -> None:
    shared = SOURCES[source](company(2_000, 6), lean)
    assert len(shared.seen) == 2_000
    assert shared.seen.min() >= 0
    assert shared.seen.max() <= shared.labels


def test_contracts_that_name_no_owner_beside_a_group_make_far_smaller_filters() -> None:
    named, lean = (together(5_000, 6, kind)["all"] for kind in (False, True))
    assert np.median(lean.seen) * 10 < np.median(named.seen)
    assert lean.labels < named.labels


def test_with_owners_named_the_filter_grows_with_the_company_by_what_everybody_sees() -> None:
    small, large = (together(people, 6)["drive"] for people in (1_000, 10_000))
    assert 5 < np.median(large.seen) / np.median(small.seen) < 11


def test_whoever_leads_everybody_sees_every_account() -> None:
    shared = SOURCES["accounts"](company(3_000, 6), False)
    assert shared.seen[0] == shared.labels
    assert shared.seen[1:9].sum() <= shared.labels


def test_everybody_is_in_a_team_and_in_none_twice() -> None:
    people, teams = company(1_000, 6).members
    assert set(people.tolist()) == set(range(1_000))
    assert len({*zip(people.tolist(), teams.tolist(), strict=True)}) == len(people)
