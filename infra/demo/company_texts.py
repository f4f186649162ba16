"""Turns the word lists and templates under `texts/` into English texts: same random source, same text."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

TEXTS = Path(__file__).parent / "texts"
SLOT = re.compile(r"\{([a-z_]+)(\d?)\}")
DIGIT = re.compile(r"[#^]")


class UnknownSlot(ValueError):
    """A template has a slot that is no fact, word or pattern: add it to words.yaml or correct its name."""


@cache
def load_texts(name: str) -> Any:
    """The content of `texts/<name>.yaml`; read once, treat as read-only."""
    return yaml.safe_load((TEXTS / f"{name}.yaml").read_text(encoding="utf-8"))


class Writer:
    """Fills templates for one record: a slot that comes back gets the same word, `{city2}` is another draw.

    Facts given at the start win over words; the words are one tenant's, so tenants never share a customer.
    """

    def __init__(self, tenant: str, random: Random, facts: Mapping[str, str] | None = None) -> None:
        lists = load_texts("words")
        self.random = random
        self.patterns: Mapping[str, Sequence[str]] = lists["patterns"]
        self.words: Mapping[str, Iterable[str]] = lists["words"][tenant]
        self.facts: dict[str, str] = dict(facts or {})

    def write(self, template: str) -> str:
        """The template with every slot filled. Raises UnknownSlot."""
        return SLOT.sub(lambda match: self._word(match[1], match[2]), template)

    def pick(self, templates: Sequence[str]) -> str:
        """One of the templates, filled."""
        return self.write(self.random.choice(templates))

    def pick_like(self, templates: Sequence[str], which: int, like: Sequence[str]) -> str:
        """Number `which` if the templates run parallel to `like` (as many of them), else any; filled."""
        return self.write(templates[which]) if len(templates) == len(like) else self.pick(templates)

    def paragraphs(self, alternatives: Sequence[Sequence[str]], at_least: int = 1) -> list[str]:
        """The first few paragraphs (at least so many, at most all), for each one of its alternatives."""
        return [self.pick(choices) for choices in self.first_few(alternatives, at_least)]

    def first_few(self, items: Sequence[Sequence[str]], at_least: int = 1) -> Sequence[Sequence[str]]:
        """A beginning of the list, of a random length from `at_least` to all."""
        return items[: self.random.randint(min(at_least, len(items)), len(items))]

    def sentences(self, templates: Sequence[str], counts: Sequence[int]) -> list[str]:
        """One paragraph for each count, of that many different sentences, in the order they are listed."""
        left = list(templates)
        paragraphs = []
        for count in counts:
            chosen = sorted(self.random.sample(range(len(left)), min(count, len(left))))
            paragraphs.append(capitalised(" ".join(capitalised(self.write(left[i])) for i in chosen)))
            left = [sentence for i, sentence in enumerate(left) if i not in chosen]
        return paragraphs

    def _word(self, name: str, number: str) -> str:
        if name + number not in self.facts:
            self.facts[name + number] = self._draw(name, self._others(name))
        return self.facts[name + number]

    def _others(self, name: str) -> set[str]:
        return {word for known, word in self.facts.items() if known.rstrip("0123456789") == name}

    def _draw(self, name: str, taken: set[str]) -> str:
        if name in self.patterns:
            return self._digits(self.random.choice(self.patterns[name]))
        if name not in self.words:
            raise UnknownSlot(f"{UnknownSlot.__doc__} Slot: {{{name}}}")
        return self.random.choice([word for word in self.words[name] if word not in taken])

    def _digits(self, pattern: str) -> str:
        return DIGIT.sub(lambda match: str(self.random.randint(match[0] == "^", 9)), pattern)


def capitalised(text: str) -> str:
    """The text with its first letter in upper case, the rest untouched."""
    return text[:1].upper() + text[1:]


def slug(title: str) -> str:
    """The title as it stands in a web address: lower case ASCII letters, digits and single hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
