"""What leaves: within the budget, whole, in order, and nothing beyond what was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.context.fit import fit, pack, require_known_columns
from query.context.render import citation, render
from query.decisions.recorder import content_hash
from schemas.answer import Question
from schemas.contract import Contract
from schemas.errors import InvalidQuestion

ROOM = 1_000_000
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(
    texts=st.lists(st.one_of(ANY_TEXT, st.text("<re cord/>\né漢", max_size=200)), max_size=8),
    budget=st.integers(1, 900),
)
def test_the_text_never_takes_more_tokens_than_the_budget_and_holds_whole_hits_in_their_order(
    hit, counter, texts, budget
):
    hits = [hit(number, text) for number, text in enumerate(texts, 1)]
    packed = pack(hits, budget, counter)
    assert sum(counter.count([packed.text])) == packed.tokens.used <= budget
    assert [one for one in hits if one in packed.hits] == packed.hits
    assert len(packed.hits) + packed.tokens.left_out == len(hits)
    assert packed.text.count("<record n=") == len(packed.hits)


def test_with_room_for_all_nothing_is_left_out(hit, counter):
    hits = [hit(1), hit(2), hit(3)]
    packed = pack(hits, ROOM, counter)
    assert (packed.hits, packed.tokens.left_out, packed.text) == (hits, 0, render(hits))


def test_a_hit_fits_exactly_and_no_longer_does_with_one_token_less(hit, counter):
    exact = pack([hit(1), hit(2)], ROOM, counter).tokens.used
    # Between parts, a tokenizer on bytes may need a token more than for the whole.
    enough = next(
        budget for budget in range(exact, exact + 5) if len(pack([hit(1), hit(2)], budget, counter).hits) == 2
    )
    assert pack([hit(1), hit(2)], enough - 1, counter).hits == [hit(1)]


def test_a_hit_that_is_too_long_is_left_out_and_a_shorter_one_after_it_still_fits(hit, counter):
    hits = [hit(1), hit(2, "long " * 2000), hit(3)]
    packed = pack(hits, 800, counter)
    assert (packed.hits, packed.tokens.left_out) == ([hits[0], hits[2]], 1)


def test_a_budget_too_small_for_any_hit_gives_none_and_takes_nothing(hit, counter):
    packed = pack([hit(1)], 1, counter)
    assert (packed.hits, packed.text, packed.tokens.used, packed.tokens.left_out) == ([], "", 0, 1)


def test_the_tokens_are_told_with_the_tokenizers_name_and_the_budget(hit, counter):
    tokens = fit(Question(query="x", budget_tokens=500), [hit(1)], counter).tokens
    assert (tokens.tokenizer, tokens.budget) == (counter.name, 500)


def test_without_a_budget_all_metadata_leaves_and_nothing_is_counted(hit, counter):
    fitted = fit(Question(query="x"), [hit(1)], counter)
    assert (fitted.hits[0].metadata, fitted.tokens, fitted.context) == ({"status": "open", "region": "eu"}, None, None)


def test_with_a_budget_no_metadata_leaves(hit, counter):
    fitted = fit(Question(query="x", budget_tokens=ROOM, context=True), [hit(1)], counter)
    assert fitted.hits[0].metadata == {}
    assert "Metadata:" not in fitted.context


def test_only_the_metadata_that_was_asked_for_leaves_with_a_budget_too(hit, counter):
    for budget in (None, ROOM):
        question = Question(query="x", metadata=["region", "owner"], budget_tokens=budget, context=True)
        fitted = fit(question, [hit(1)], counter)
        assert fitted.hits[0].metadata == {"region": "eu"}
        assert "open" not in fitted.context


def test_each_hit_carries_its_citation(hit, counter):
    assert [one.citation for one in fit(Question(query="x"), [hit(1), hit(2)], counter).hits] == [
        citation(hit(1)),
        citation(hit(2)),
    ]


def test_the_text_is_of_the_hits_that_leave_and_only_there_when_asked_for(hit, counter):
    hits = [hit(1), hit(2, "long " * 2000)]
    fitted = fit(Question(query="x", budget_tokens=500, context=True), hits, counter)
    assert [one.record_id for one in fitted.hits] == [hits[0].record_id]
    assert "tickets/1" in fitted.context
    assert "tickets/2" not in fitted.context
    assert fit(Question(query="x", context=True), hits, counter).context.count("<record n=") == 2


def test_the_hash_on_record_is_of_what_left_and_not_of_what_was_found(hit, counter):
    [left] = fit(Question(query="x", metadata=["status"]), [hit(1)], counter).hits
    assert content_hash(left) == content_hash(hit(1, metadata={"status": "open"})) != content_hash(hit(1))


def test_columns_that_no_asked_source_has_are_named_and_no_other_is():
    with pytest.raises(InvalidQuestion) as caught:
        require_known_columns(Question(query="x", metadata=["status", "salary", "Status"]), [contract("status")])
    assert str(caught.value) == "metadata: no source that is asked has 'salary', 'Status'"


def test_a_column_of_any_asked_source_is_fine_and_so_is_none():
    contracts = [contract("status"), contract("salary")]
    require_known_columns(Question(query="x", metadata=["salary", "status"]), contracts)
    require_known_columns(Question(query="x"), [])


def contract(column: str) -> Contract:
    table = {
        "key": ["id"],
        "text": "{body}",
        "metadata": [column],
        "permissions": {"tenant": "{tenant}", "readers": ["user:{owner}"]},
    }
    connector = {"plugin": "postgres", "config": "wiki.debezium.json"}
    return Contract.model_validate({"source": "wiki", "connector": connector, "tables": {"wiki.pages": table}})
