import pytest

from index.hash_embedder import HashEmbedder
from index.store import Found, Vector, Within
from query.principal import Principal
from query.search import Live
from schemas.access import AccessFilter
from schemas.answer import Question
from schemas.errors import FreshlineError, IndexUnavailable, InvalidQuestion
from schemas.label import Label

OWN = Label(tenant="acme", readers=("user:alice@acme.example",))
TEAM = Label(tenant="acme", readers=("team:7#member",))
RIVAL = Label(tenant="rival", readers=("user:*",))
STEPS = ["authorize", "embed", "retrieve", "rank", "leave", "fit", "record", "total"]


def titles(company, who: Principal, query: str = "printer on fire") -> list[str]:
    return [hit.record_id for hit in company.answer(who, Question(query=query)).hits]


def test_two_people_get_what_each_may_see(company, alice: Principal, bob: Principal) -> None:
    company.put("helpdesk/tickets/1", "printer on fire", OWN)
    company.put("helpdesk/tickets/2", "printer on fire again", TEAM)
    company.put("helpdesk/tickets/3", "printer on fire", RIVAL)
    company.grant("helpdesk/members/1", ("acme", "team:7", "member", bob.name))
    assert titles(company, alice) == ["helpdesk/tickets/1"]
    assert titles(company, bob) == ["helpdesk/tickets/2"]
    assert titles(company, Principal("eve", "rival")) == ["helpdesk/tickets/3"]
    assert titles(company, Principal("eve", "nowhere")) == []


def test_a_revoked_membership_takes_the_hit_away_without_touching_the_index(company, bob: Principal) -> None:
    company.put("helpdesk/tickets/2", "printer on fire", TEAM)
    company.grant("helpdesk/members/1", ("acme", "team:7", "member", bob.name))
    assert titles(company, bob) == ["helpdesk/tickets/2"]
    company.grant("helpdesk/members/1")
    assert titles(company, bob) == []


def test_a_hit_says_where_it_is_from_how_it_scored_and_why_it_is_visible(company, bob: Principal) -> None:
    company.put("helpdesk/tickets/2", "printer on fire", TEAM, age_s=86_400)
    company.grant("helpdesk/members/1", ("acme", "team:7", "member", bob.name))
    given = company.answer(bob, Question(query="printer on fire"))
    hit = given.hits[0]
    assert (hit.source, hit.table, hit.key, hit.metadata) == (
        "helpdesk",
        "helpdesk.rows",
        {"id": "2"},
        {"status": "open"},
    )
    assert hit.similarity == pytest.approx(1.0, abs=1e-5)
    assert hit.freshness == pytest.approx(0.65)
    assert hit.score == hit.similarity * hit.freshness
    assert hit.age_ms == 86_400_000 == given.answered_ms - hit.event_ms
    assert hit.why == [bob.name, "team:7#member"]
    assert given.exact
    assert list(given.timings) == STEPS


def test_a_fresh_less_similar_row_beats_many_old_ones(company, alice: Principal) -> None:
    for n in range(100):
        company.put(f"helpdesk/old/{n}", "printer on fire", OWN, age_s=365 * 86_400)
    company.put("helpdesk/new/1", "printer on fire in the hall", OWN)
    assert titles(company, alice)[0] == "helpdesk/new/1"


def test_a_withheld_source_is_not_searched_and_the_answer_says_so(company, alice: Principal) -> None:
    company.put("helpdesk/tickets/1", "printer on fire", OWN)
    company.put("wiki/pages/1", "printer on fire", OWN)
    company.pass_time(60)
    company.beat("wiki")
    company.view.caught_up(company.now.steady)
    given = company.answer(alice, Question(query="printer"))
    assert [hit.source for hit in given.hits] == ["wiki"]
    assert [(s.source, s.state) for s in given.sources] == [("helpdesk", "withheld"), ("wiki", "fresh")]


def test_who_may_see_nothing_gets_nothing_without_a_search(company, bob: Principal) -> None:
    class NoStore:
        def search(self, vector: Vector, access: AccessFilter, limit: int, within: Within) -> list[Found]:
            raise AssertionError("searched")

    company.put("helpdesk/tickets/1", "printer on fire", OWN)
    live = Live(HashEmbedder(), NoStore())
    assert company.answer(bob, Question(query="printer"), live=lambda: live).hits == []


def test_a_row_outside_the_filter_stops_the_answer(company, alice: Principal, bob: Principal) -> None:
    class Leaking:
        def search(self, vector: Vector, access: AccessFilter, limit: int, within: Within) -> list[Found]:
            everything = company.store.records.values()
            return [Found(row, 1.0) for rows in everything for row in rows]

    company.put("helpdesk/tickets/1", "printer on fire", OWN)
    company.put("helpdesk/tickets/2", "printer on fire", TEAM)
    with pytest.raises(FreshlineError, match="outside the filter"):
        company.answer(alice, Question(query="printer"), live=lambda: Live(HashEmbedder(), Leaking()))


def test_an_index_that_is_away_is_a_typed_refusal(company, alice: Principal) -> None:
    class Away:
        def search(self, vector: Vector, access: AccessFilter, limit: int, within: Within) -> list[Found]:
            raise IndexUnavailable()

    company.put("helpdesk/tickets/1", "printer on fire", OWN)
    with pytest.raises(IndexUnavailable):
        company.answer(alice, Question(query="printer"), live=lambda: Live(HashEmbedder(), Away()))


@pytest.mark.parametrize("query", ["   ", "word " * 400])
def test_a_query_the_model_cannot_read_is_refused_in_words(company, alice: Principal, query: str) -> None:
    with pytest.raises(InvalidQuestion, match="the query"):
        company.answer(alice, Question.model_construct(query=query))


def test_a_question_is_embedded_anew_by_the_model_that_became_live_meanwhile(company, alice: Principal) -> None:
    company.put("helpdesk/tickets/1", "printer on fire", OWN)
    before = Live(HashEmbedder(dimension=8), company.store)
    now = Live(company.embedder, company.store)
    given = company.answer(alice, Question(query="printer on fire"), ahead=lambda: (before, lambda: now))
    assert given.hits[0].similarity == pytest.approx(1.0, abs=1e-5)


def test_an_index_that_went_away_refuses_also_when_the_question_is_embedded_already(company, alice: Principal) -> None:
    def away() -> Live:
        raise IndexUnavailable

    last = Live(company.embedder, company.store)
    with pytest.raises(IndexUnavailable):
        company.answer(alice, Question(query="printer on fire"), ahead=lambda: (last, away))
