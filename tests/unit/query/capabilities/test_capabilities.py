"""What a capability leaves, however many hands it went through."""

from functools import reduce

import pytest
from capability_stage import (
    ALICE,
    HOUR_MS,
    NOW,
    NOW_MS,
    SOURCES,
    allows,
    least,
    minted,
    names,
    opened,
    until,
    verified,
    with_block,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from query.asker import Mandate
from query.capabilities.issue import MOST_BLOCKS, attenuate, seal
from query.capabilities.vocabulary import OPERATIONS
from query.principal import Principal
from schemas.errors import Misconfigured, Unauthenticated


def test_a_minted_token_says_who_asks_through_which_agent_with_which_attributes() -> None:
    asker = verified(minted(attributes={"department": "sales", "clearance": "2"}))
    assert asker.principal == ALICE
    assert asker.attributes == {"department": "sales", "clearance": "2"}
    assert (asker.mandate.operations, asker.mandate.sources, asker.mandate.rows) == (None, None, None)
    assert asker.mandate.expires_ms == NOW_MS + HOUR_MS
    assert [link.holder for link in asker.mandate.chain] == ["planner"]


def test_without_an_agent_the_first_holder_is_the_person() -> None:
    asker = verified(minted(principal=Principal("alice@acme.example", "acme")))
    assert (asker.principal.agent, asker.mandate.chain[0].holder) == ("", "alice@acme.example")


def test_a_planner_hands_a_specialist_less_and_the_chain_shows_both() -> None:
    token = minted(until(rows=100, ceiling={"class": names("public", "internal")}))
    less = attenuate(token, Mandate(operations=frozenset({"search"}), sources=names("wiki")), "researcher")
    least_of_all = attenuate(less, until(60_000, rows=5, ceiling={"class": names("public", "secret")}), "reader")
    mandate = verified(least_of_all).mandate
    assert mandate.operations == {"search"}
    assert mandate.sources == {"wiki"}
    assert mandate.ceiling == {"class": {"public"}}
    assert (mandate.rows, mandate.expires_ms) == (5, NOW_MS + 60_000)
    assert [link.holder for link in mandate.chain] == ["planner", "researcher", "reader"]
    assert [link.revocation_id for link in mandate.chain] == opened(least_of_all).revocation_ids
    assert verified(least_of_all).principal == ALICE


def test_a_token_ends_when_its_first_end_has_come() -> None:
    token = attenuate(minted(), until(60_000), "researcher")
    assert verified(token, NOW + 59.9).mandate.expires_ms == NOW_MS + 60_000
    with pytest.raises(Unauthenticated):
        verified(token, NOW + 60)
    with pytest.raises(Unauthenticated):
        verified(attenuate(minted(until(60_000)), until(HOUR_MS), "later"), NOW + 60)


def test_a_sealed_token_counts_and_cannot_be_attenuated() -> None:
    token = seal(attenuate(minted(), Mandate(rows=3), "researcher"))
    assert verified(token).mandate.rows == 3
    with pytest.raises(Misconfigured, match="sealed"):
        attenuate(token, Mandate(rows=2), "reader")
    with pytest.raises(Misconfigured, match="sealed"):
        seal(token)
    with pytest.raises(Exception, match="seal"):
        with_block(token, "check if true")


@pytest.mark.parametrize("word", ["Zoë 北京 Ωmega", "o'brien@acme.example", "a b (c), d <= 3", "x" * 256, "--", "%00"])
def test_any_printable_words_come_out_as_they_went_in(word: str) -> None:
    token = minted(until(ceiling={word: names(word)}), principal=Principal(word, word, word), attributes={word: word})
    asker = verified(attenuate(token, Mandate(sources=names(word)), word))
    assert asker.principal == Principal(word, word, word)
    assert asker.attributes == {word: word}
    assert asker.mandate.ceiling == {word: {word}}
    assert asker.mandate.sources == {word}
    assert asker.mandate.chain[1].holder == word


@pytest.mark.parametrize("word", ["", 'a"b', "a\\b", "a\nb", "a\x00b", "$a", "{a}", "a;b", "‮a", "x" * 257])
def test_words_that_could_be_read_in_two_ways_are_refused_before_a_token_is_made(word: str) -> None:
    for make in (
        lambda: minted(attributes={"department": word}),
        lambda: minted(until(sources=names(word))),
        lambda: attenuate(minted(), Mandate(ceiling={word: names("a")}), "x"),
        lambda: attenuate(minted(), Mandate(), word),
    ):
        with pytest.raises(Misconfigured):
            make()


@pytest.mark.parametrize(
    "narrowing",
    [
        Mandate(operations=frozenset()),
        Mandate(sources=frozenset()),
        Mandate(ceiling={"class": frozenset()}),
        Mandate(rows=0),
        Mandate(expires_ms=10**18),
        Mandate(operations=frozenset({"fly"})),  # type: ignore[arg-type]
    ],
)
def test_a_narrowing_that_leaves_nothing_or_means_nothing_is_refused(narrowing: Mandate) -> None:
    with pytest.raises(Misconfigured):
        attenuate(minted(), narrowing, "x")


@pytest.mark.parametrize("end_ms", [None, 0, NOW_MS])
def test_a_token_without_an_end_in_the_future_is_not_minted(end_ms: int | None) -> None:
    with pytest.raises(Misconfigured, match="must end"):
        minted(Mandate(expires_ms=end_ms))


def test_a_token_passes_through_a_bounded_number_of_hands() -> None:
    token = minted()
    for number in range(MOST_BLOCKS - 1):
        token = attenuate(token, Mandate(), f"h{number}")
    assert len(verified(token).mandate.chain) == MOST_BLOCKS
    with pytest.raises(Misconfigured, match="hands"):
        attenuate(token, Mandate(), "one more")
    with pytest.raises(Unauthenticated):
        verified(with_block(token, "check if true"))


WORDS = ("public", "internal", "secret")


def some(choices: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(choices), min_size=1)


NARROWINGS = st.builds(
    Mandate,
    operations=st.none() | some(tuple(sorted(OPERATIONS))),
    sources=st.none() | some(SOURCES),
    ceiling=st.dictionaries(st.sampled_from(("class", "region")), some(WORDS), max_size=2),
    rows=st.none() | st.integers(1, 200),
    expires_ms=st.none() | st.integers(NOW_MS + 1000, NOW_MS + HOUR_MS),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=NARROWINGS, chain=st.lists(NARROWINGS, max_size=5))
def test_any_chain_leaves_exactly_what_every_hand_leaves(first: Mandate, chain: list[Mandate]) -> None:
    first = first.narrowed(until())
    token = reduce(lambda token, narrowing: attenuate(token, narrowing, "x"), chain, minted(first))
    every = [first, *chain]
    asked = [
        (operation, source, (name, value))
        for operation in OPERATIONS
        for source in (*SOURCES, "elsewhere")
        for name in ("class", "region", "other")
        for value in WORDS
    ]
    expected = {one for one in asked if all(allows(mandate, *one) for mandate in every)}
    try:
        left = verified(token).mandate
    except Unauthenticated:
        ways = {(operation, source) for operation, source, _ in asked if _open(every, operation, source)}
        assert ways == set(), "a token was refused that leaves something to do"
        return
    assert {one for one in asked if allows(left, *one)} == expected
    assert left.rows == least(mandate.rows for mandate in every)
    assert left.expires_ms == least(m.expires_ms and m.expires_ms // 1000 * 1000 for m in every)
    assert len(left.chain) == len(every)


def _open(every: list[Mandate], operation: str, source: str) -> bool:
    """Whether an operation on a source is left, whatever the records are."""
    return all(allows(Mandate(m.operations, m.sources), operation, source, ("", "")) for m in every)


@settings(max_examples=100, deadline=None)
@given(one=NARROWINGS, other=NARROWINGS)
def test_narrowing_is_never_wider_than_either_and_its_order_does_not_matter(one: Mandate, other: Mandate) -> None:
    both, again = one.narrowed(other), other.narrowed(one)
    assert both == again == both.narrowed(one) == both.narrowed(other)
