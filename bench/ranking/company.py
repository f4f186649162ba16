"""A company of chunks to rank, the same for the same seed: topics, skewed ages, permissions of three widths.

Vectors are drawn around topics, and topics around areas, so that similarities are spread as those of texts are. Words
are those of the labelled set's texts, drawn more often the more common they are, with words of the topic among them.
Ages are skewed: few rows are fresh, most are old.
"""

import random
import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bench.product import Asked
from bench.retrieval.labelled import texts
from index.embedder import ModelSpec, Vectors
from index.store import Row
from query.ranking.decay import Decay, Terms
from schemas.access import AccessFilter
from schemas.label import LabelId
from schemas.position import Position

DIMENSION = 384
SPEC = ModelSpec(name="drawn", dimension=DIMENSION, max_tokens=256, fingerprint="drawn")
NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
DAY_S = 86_400.0
TERMS = {
    "helpdesk": Terms(half_life_s=2 * DAY_S, floor=0.1),
    "crm": Terms(half_life_s=14 * DAY_S, floor=0.0),
    "wiki": Terms(half_life_s=90 * DAY_S, floor=0.5),
}
LABELS = 100
"""Every label has the same share of the records."""
VISIBLE = (1, 10, 50)
"""Percent of the records that the askers see; question after question in turn."""
AREAS, TOPICS, TOPIC_WORDS = 12, 300, 10
MOST_CHUNKS, SHARE_LONG = 3, 0.1
AGES_H = ((0.03, 0.01, 24), (0.12, 24, 24 * 30), (0.85, 24 * 30, 24 * 365 * 3))
"""Share of the records, and between how many hours of age they are, most of them near the lower end."""


@dataclass(frozen=True)
class Company:
    """All rows, rising chunk by chunk; `topics` and `words` are what questions are made of."""

    rows: list[Row]
    topics: Vectors
    words: list[list[str]]

    @cached_property
    def vectors(self) -> NDArray[np.float64]:
        return np.stack([row.vector for row in self.rows]).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A question, and who asks it."""

    asked: Asked
    access: AccessFilter
    percent: int


def decay(half_life_s: float | None = None) -> Decay:
    """Each source's own terms, or one half-life without a floor for all."""
    return Decay(TERMS if half_life_s is None else dict.fromkeys(TERMS, Terms(half_life_s, 0.0)), NOW_MS)


def make_company(chunks: int, seed: int) -> Company:
    """At least so many chunks."""
    chance, dice = random.Random(seed), np.random.default_rng(seed)
    areas = _unit(dice.standard_normal((AREAS, DIMENSION)))
    common = _unit(dice.standard_normal((1, DIMENSION)))
    topics = _unit(0.5 * common + 0.6 * areas[dice.integers(AREAS, size=TOPICS)] + 0.6 * _noise(dice, TOPICS))
    vocabulary = _vocabulary()
    words = [chance.sample(vocabulary, TOPIC_WORDS) for _ in range(TOPICS)]
    company = Company([], topics, words)
    while len(company.rows) < chunks:
        _add_record(company, vocabulary, chance, dice)
    return company


def make_questions(company: Company, count: int, seed: int) -> list[Drawn]:
    """Each about a topic, by vector and words; every third also names the code of a row that its asker sees."""
    chance, dice = random.Random(seed + 1), np.random.default_rng(seed + 1)
    labels = sorted({row.label for row in company.rows})
    found = []
    for number in range(count):
        percent = VISIBLE[number % len(VISIBLE)]
        access = AccessFilter(frozenset(chance.sample(labels, percent * LABELS // 100)), frozenset(TERMS))
        topic = chance.randrange(TOPICS)
        vector = _unit(company.topics[topic] + 0.5 * _noise(dice, 1)[0])
        words = chance.sample(company.words[topic], chance.randint(2, 5))
        if number % 9 >= 6:
            seen = [row for row in company.rows if row.label in access.labels]
            words.append(chance.choice(seen).title.split()[0])
        found.append(Drawn(Asked(" ".join(words), vector), access, percent))
    return found


def _add_record(company: Company, vocabulary: list[str], chance: random.Random, dice: np.random.Generator) -> None:
    number = len(company.rows)
    source, topic = chance.choice(list(TERMS)), chance.randrange(TOPICS)
    count = chance.randint(2, MOST_CHUNKS) if chance.random() < SHARE_LONG else 1
    event_ms = NOW_MS - _age_ms(chance)
    for chunk in range(count):
        company.rows.append(
            Row(
                record_id=f"{source}/{source}.texts/{number}",
                source=source,
                table=f"{source}.texts",
                key="{}",
                position=Position(f"{number:016x}"),
                label=LabelId(1 + number % LABELS),
                commit_ms=event_ms,
                event_ms=event_ms,
                chunk=chunk,
                chunks=count,
                title=f"REF-{number:05d} {chance.choice(company.words[topic])}",
                text=_text(company.words[topic], vocabulary, chance),
                url="",
                metadata="{}",
                text_hash=f"{number}#{chunk}",
                vector=_unit(company.topics[topic] + 0.7 * _noise(dice, 1)[0]),
            )
        )


def _text(of_topic: list[str], vocabulary: list[str], chance: random.Random) -> str:
    length = chance.randint(25, 90)
    ranks = (int(len(vocabulary) ** chance.random()) for _ in range(length))
    words = [chance.choice(of_topic) if chance.random() < 0.15 else vocabulary[rank] for rank in ranks]
    return " ".join(words)


def _age_ms(chance: random.Random) -> int:
    [(_, youngest, oldest)] = chance.choices(AGES_H, weights=[share for share, _, _ in AGES_H])
    hours: float = youngest * (oldest / youngest) ** chance.random()
    return round(hours * HOUR_MS)


def _vocabulary() -> list[str]:
    """In an order of their own, which is how common they are here."""
    words = sorted({word for one in texts() for word in re.findall(r"[a-z]{3,}", one.text.lower())})
    random.Random(0).shuffle(words)
    return words


def _noise(dice: np.random.Generator, count: int) -> Vectors:
    return _unit(dice.standard_normal((count, DIMENSION)))


def _unit(vectors: NDArray[np.floating]) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return unit
