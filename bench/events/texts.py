"""Texts made from a seed: sentences of the labelled set in another order, so that words and their lengths are real."""

import random
import re

from bench.retrieval import labelled

SHORT_WORDS = (10, 40)
LONG_WORDS = (150, 172)
"""Of a long text that one chunk still holds: some 190 to 250 tokens."""
PARAGRAPH_WORDS = (60, 100)
PARAGRAPHS = (4, 7)
LONG_SHARE = 0.3
PARAGRAPH = "\n\n"


class Texts:
    """Each text has a number in it that no other has: all are new to whoever embeds them."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._sentences = [
            part for text in labelled.texts() for part in re.split(r"(?<=[.!?])\s+", text.text) if len(part) > 20
        ]
        self._number = 0

    def short(self) -> str:
        """A sentence or two."""
        return self._passage(*SHORT_WORDS)

    def long(self) -> str:
        """Nearly as much as the model reads at once."""
        return self._passage(*LONG_WORDS)

    def mixed(self) -> str:
        """Short, or with LONG_SHARE long."""
        return self.long() if self._rng.random() < LONG_SHARE else self.short()

    def article(self) -> str:
        """Several paragraphs: more than the model reads at once."""
        return PARAGRAPH.join(self._passage(*PARAGRAPH_WORDS) for _ in range(self._rng.randint(*PARAGRAPHS)))

    def edited(self, text: str) -> str:
        """The text with one sentence of one paragraph rewritten."""
        paragraphs = text.split(PARAGRAPH)
        place = self._rng.randrange(len(paragraphs))
        sentences = re.split(r"(?<=[.!?])\s+", paragraphs[place])
        sentences[self._rng.randrange(len(sentences))] = self._numbered(self._rng.choice(self._sentences))
        paragraphs[place] = " ".join(sentences)
        return PARAGRAPH.join(paragraphs)

    def _passage(self, least: int, most: int) -> str:
        """Whole sentences, cut at as many words as were drawn."""
        wanted = self._rng.randint(least, most)
        words = self._numbered(self._rng.choice(self._sentences)).split()
        while len(words) < wanted:
            words += self._rng.choice(self._sentences).split()
        return " ".join(words[:wanted]).rstrip(".,;:") + "."

    def _numbered(self, sentence: str) -> str:
        self._number += 1
        return f"Case {self._number}: {sentence}"
