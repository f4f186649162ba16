"""Rules in the place of a language model, so that the examples cost nothing and say the same each time.

They understand nothing: they quote the sentences that share most words with the question. To use a real model, write a
function of the type `Model` that calls it, and pass that instead of `quote_best`. Give it each hit's text as data of a
third party, never as instructions.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schemas.answer import Hit

MOST_QUOTES = 2
_WORDS = re.compile(r"\w+")
_SENTENCES = re.compile(r"(?<=[.!?;])\s+|\n+")


@dataclass(frozen=True)
class Quote:
    """Words of a record, in the version that was read."""

    words: str
    record_id: str
    position: str
    citation: str


@dataclass(frozen=True)
class Draft:
    """An answer, and what each part of it rests on."""

    quotes: list[Quote]

    @property
    def text(self) -> str:
        return " ".join(f"{quote.words} [{number}]" for number, quote in enumerate(self.quotes, 1))


Model = Callable[[str, Sequence[Hit]], Draft]
"""A question and what was found, to an answer."""


def quote_best(question: str, hits: Sequence[Hit]) -> Draft:
    """The sentences of the best hit that share most words with the question, in the order of the text."""
    asked = {word for word in _WORDS.findall(question.lower()) if len(word) > 3}
    sentences = _SENTENCES.split(hits[0].text) if hits else []
    shared = [len(asked & set(_WORDS.findall(sentence.lower()))) for sentence in sentences]
    best = sorted(range(len(sentences)), key=lambda number: -shared[number])[:MOST_QUOTES]
    return Draft([_quote(hits[0], sentences[number]) for number in sorted(best)])


def _quote(hit: Hit, words: str) -> Quote:
    return Quote(words, hit.record_id, hit.position, hit.citation or f"{hit.record_id} at {hit.position}")
