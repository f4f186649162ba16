"""The labelled set is what it says it is."""

import re

import pytest

from bench.retrieval.labelled import ANSWERS, RELATED, questions, texts
from bench.retrieval.measure import summary

KINDS = {"paraphrase", "plain", "name", "code", "number"}
STOP_WORDS = (
    "a about after all an and are as at be because been before but by can could did do does each else every for from "
    "get had has have he her his how i in into is it its may me more most my no nobody not of off on one only or our "
    "out over so some somebody someone that the their them then there these they this to too up us very was we went "
    "were what when where which who whom whose why will with would you your still"
)
SAYING_NOTHING = frozenset(STOP_WORDS.split())
TEXTS, QUESTIONS = texts(), questions()


def test_it_has_enough_texts_and_questions_of_every_kind():
    asked = QUESTIONS
    assert len(TEXTS) >= 300
    assert len(asked) >= 100
    assert {one.kind for one in asked} == KINDS
    assert all(sum(one.kind == kind for one in asked) >= 15 for kind in KINDS)


def test_every_question_has_an_answer_and_names_only_texts_that_exist():
    names = {text.name for text in TEXTS}
    for one in QUESTIONS:
        assert one.grades.keys() <= names, one.ask
        assert set(one.grades.values()) <= {ANSWERS, RELATED}
        assert ANSWERS in one.grades.values(), one.ask


def test_no_text_or_question_stands_there_twice():
    assert len({(text.title, text.text) for text in TEXTS}) == len(TEXTS)
    assert len({one.ask for one in QUESTIONS}) == len(QUESTIONS)


@pytest.mark.parametrize("one", [one for one in QUESTIONS if one.kind == "paraphrase"], ids=lambda one: one.ask)
def test_a_paraphrase_shares_no_content_word_with_what_answers_it(one):
    said = {text.name: content_words(f"{text.title} {text.text}") for text in TEXTS}
    shared = {name: content_words(one.ask) & said[name] for name, grade in one.grades.items() if grade == ANSWERS}
    assert not any(shared.values()), shared


@pytest.mark.parametrize("one", [one for one in QUESTIONS if one.kind == "code"], ids=lambda one: one.ask)
def test_a_code_asked_for_stands_in_every_text_that_answers(one):
    said = {text.name: f"{text.title} {text.text}" for text in TEXTS}
    codes = re.findall(r"[A-Z0-9][\w.-]*\d[\w.-]*", one.ask)
    assert codes
    for name, grade in one.grades.items():
        assert grade != ANSWERS or any(code in said[name] for code in codes), name


def test_each_half_has_half_of_every_kind():
    for kind in KINDS:
        halves = [one.chosen_on for one in QUESTIONS if one.kind == kind]
        assert abs(sum(halves) - len(halves) / 2) <= 1


def test_means_are_of_each_group_by_itself():
    asked = QUESTIONS
    found = summary(asked, {"dense": [float(one.kind == "code") for one in asked]})
    assert found["code"]["dense"] == 1.0
    assert found["name"]["dense"] == 0.0
    assert found["all"]["dense"] == pytest.approx(found["code"]["questions"] / len(asked), abs=1e-4)
    assert found["chosen on"]["questions"] + found["held out"]["questions"] == len(asked)


def content_words(text: str) -> set[str]:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return {word for word in words if word not in SAYING_NOTHING and len(word) > 1}
