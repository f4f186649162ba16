"""What a question may say about ranking, through the whole flow."""

from collections.abc import Sequence

import pytest

from query.asker import Asker
from query.principal import Principal
from query.ranking.scored import Page
from schemas.answer import Question, Relevance
from schemas.errors import InvalidQuestion, RerankUnavailable
from schemas.label import Label

OWN = Label(tenant="acme", readers=("user:alice@acme.example",))
HERS = Label(tenant="acme", readers=("user:carol@acme.example",))
DAY_S = 86_400


def ids(given) -> list[str]:
    return [hit.record_id.split("/", 1)[1] for hit in given.hits]


class LongestFirst:
    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        return [float(len(text)) / 10 for text in texts]


class Plain:
    """Pages that anybody can read."""

    def opened(self, cursor: str, asker: Asker, question: Question) -> Page:
        now_ms, score, event_ms, record_id, chunk = cursor.split("|")
        return Page(int(now_ms), (float(score), int(event_ms), record_id, int(chunk)))

    def closed(self, page: Page, asker: Asker, question: Question) -> str:
        return "|".join(map(str, (page.now_ms, *page.after)))


@pytest.mark.parametrize("relevance", ["dense", "keyword", "hybrid"])
def test_a_hit_tells_the_parts_that_made_its_score(company, alice: Principal, relevance: Relevance) -> None:
    company.put("helpdesk/t/1", "printer on fire", OWN, age_s=DAY_S)
    (hit,) = company.answer(alice, Question(query="printer", relevance=relevance)).hits
    assert hit.score == hit.relevance * hit.freshness > 0
    assert (hit.similarity is None, hit.keyword is None) == (relevance == "keyword", relevance == "dense")


def test_a_keyword_question_shows_only_what_has_a_word_of_it(company, alice: Principal) -> None:
    company.put("helpdesk/t/1", "printer on fire", OWN)
    company.put("helpdesk/t/2", "invoice AB-1234", OWN)
    assert ids(company.answer(alice, Question(query="ab-1234", relevance="keyword"))) == ["t/2"]
    assert ids(company.answer(alice, Question(query="unheard", relevance="keyword"))) == []
    with pytest.raises(InvalidQuestion):
        company.answer(alice, Question(query="  ", relevance="keyword"))


@pytest.mark.parametrize("relevance", ["keyword", "hybrid"])
def test_no_score_tells_of_rows_that_are_denied(company, alice: Principal, relevance: Relevance) -> None:
    company.put("helpdesk/t/1", "the merger printer", OWN)
    question = Question(query="merger printer", relevance=relevance)
    before = company.answer(alice, question).hits
    for n in range(20):
        company.put(f"helpdesk/secret/{n}", "merger merger", HERS)
    assert company.answer(alice, question).hits == before


def test_half_life_and_floor_of_the_question_count_instead_of_the_sources(company, alice: Principal) -> None:
    company.put("helpdesk/t/1", "printer", OWN, age_s=DAY_S)
    own = company.answer(alice, Question(query="printer")).hits[0].freshness
    floor = company.answer(alice, Question(query="printer", floor=0.0)).hits[0].freshness
    both = company.answer(alice, Question(query="printer", floor=0.5, half_life_seconds=1)).hits[0].freshness
    assert (own, floor, both) == pytest.approx((0.65, 0.5, 0.5))


def test_what_says_the_same_is_shown_once_and_leaves_no_gap(company, alice: Principal) -> None:
    for n in range(4):
        company.put(f"helpdesk/same/{n}", "printer  on Fire", OWN, title="x", age_s=n)
    company.put("helpdesk/same/9", "Printer on fire", HERS, title="x")
    company.put("helpdesk/other/1", "printer on fire again", OWN, title="y")
    hits = company.answer(alice, Question(query="printer on fire", limit=2)).hits
    assert [hit.record_id for hit in hits] == ["helpdesk/same/0", "helpdesk/other/1"]
    assert hits[0].duplicates == ["helpdesk/same/1", "helpdesk/same/2", "helpdesk/same/3"]


def test_a_source_has_at_most_its_share_and_others_fill_the_places(company, alice: Principal) -> None:
    for n in range(5):
        company.put(f"helpdesk/t/{n}", f"printer {n}", OWN)
        company.put(f"wiki/p/{n}", f"a printer of another kind {n}", OWN, age_s=DAY_S)
    given = company.answer(alice, Question(query="printer", limit=4, most_per_source={"helpdesk": 1}))
    assert [hit.source for hit in given.hits] == ["helpdesk", "wiki", "wiki", "wiki"]


def test_page_after_page_shows_every_record_once_as_of_the_first_page(company, alice: Principal) -> None:
    for n in range(7):
        company.put(f"helpdesk/t/{n}", f"printer {'on fire ' * n}", OWN, age_s=n * 3600)
    question, seen, scores = Question(query="printer on fire", limit=3), [], []
    whole = ids(company.answer(alice, question.model_copy(update={"limit": 50})))
    while True:
        given = company.answer(alice, question, pages=Plain())
        seen += ids(given)
        scores += [hit.score for hit in given.hits]
        company.pass_time(1)
        if given.next_cursor is None:
            break
        question = question.model_copy(update={"cursor": given.next_cursor})
    assert seen == whole
    assert scores == sorted(scores, reverse=True)


def test_a_cursor_is_refused_where_there_are_no_pages(company, alice: Principal) -> None:
    for question in (Question(query="q", cursor="x"), Question(query="q", cursor="x", rerank=True)):
        with pytest.raises(InvalidQuestion, match="without cursor"):
            company.answer(alice, question, reranker=LongestFirst())


def test_a_cross_encoder_orders_the_best_and_its_score_is_told(company, alice: Principal) -> None:
    for n in range(8):
        company.put(f"helpdesk/t/{n}", "printer " * (n + 1), OWN, title="x")
    company.put("helpdesk/t/9", "printer " * 100, HERS, title="x")
    question = Question(query="printer", limit=2, rerank=True)
    given = company.answer(alice, question, reranker=LongestFirst(), pages=Plain())
    best = company.answer(alice, Question(query="printer", limit=6)).hits
    longest = sorted(best, key=lambda hit: -len(hit.text))[:2]
    assert ids(given) == [hit.record_id.split("/", 1)[1] for hit in longest]
    assert all(0 < hit.rerank_score < 1 for hit in given.hits if hit.rerank_score is not None)
    assert (given.next_cursor, [hit.score for hit in given.hits]) == (None, [hit.score for hit in longest])


def test_without_a_cross_encoder_reranking_is_refused_and_on_record(company, alice: Principal) -> None:
    with pytest.raises(RerankUnavailable, match="FRESHLINE_RERANKER"):
        company.answer(alice, Question(query="printer", rerank=True))
