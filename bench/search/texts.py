"""Chunks to search, the same for the same seed: real texts of three sources, vectors of the real model around them.

Each chunk says what a text of the labelled set says, under a title of its own, and lies near that text's own vector: so
similarities to a question are spread as those of texts are, without waiting for a model to embed 100,000 of them.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.retrieval.labelled import Text
from index.embedder import Vectors
from index.store import Row
from schemas.change import record_id
from schemas.label import LabelId
from schemas.position import Position

TABLES = {"helpdesk": "helpdesk.tickets", "crm": "crm.accounts", "wiki": "wiki.pages"}
"""Of the sample company's contracts: source -> the table whose rows are searched."""
NOISE = 0.7
"""Length of what is added to a text's vector, which is of length 1."""
HOUR_MS = 3_600_000
AGES_H = ((0.03, 0.01, 24), (0.12, 24, 24 * 30), (0.85, 24 * 30, 24 * 365 * 3))
"""Share of the records, and between how many hours of age they are, most of them near the lower end."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The texts and their vectors; `labels` share the chunks evenly; ages are reckoned from `now_ms` (since 1970)."""

    texts: Sequence[Text]
    vectors: Vectors
    labels: Sequence[LabelId]
    now_ms: int

    def rows(self, start: int, end: int, seed: int) -> Iterator[Row]:
        """Chunks by number."""
        for number in range(start, end):
            dice = np.random.default_rng((seed, number))
            topic = int(dice.integers(len(self.texts)))
            noise = dice.standard_normal(self.vectors.shape[1])
            vector = self.vectors[topic] + NOISE * noise / np.linalg.norm(noise)
            yield self._row(number, self.texts[topic], _age_ms(dice), (vector / np.linalg.norm(vector)))

    def _row(self, number: int, text: Text, age_ms: int, vector: Vectors) -> Row:
        source = list(TABLES)[number % len(TABLES)]
        event_ms = self.now_ms - age_ms
        return Row(
            record_id=record_id(source, TABLES[source], {"id": number}, ["id"]),
            source=source,
            table=TABLES[source],
            key=json.dumps({"id": number}),
            position=Position(f"{number + 1:016x}"),
            label=self.labels[number % len(self.labels)],
            commit_ms=event_ms,
            event_ms=event_ms,
            chunk=0,
            chunks=1,
            title=f"{number}: {text.title}",
            text=text.text,
            url=f"https://{source}.example/{number}",
            metadata=json.dumps({"region": "eu", "owner_email": f"owner{number % 97}@acme.example"}),
            text_hash=f"{number:064x}",
            vector=vector.astype(np.float32),
        )


def _age_ms(dice: np.random.Generator) -> int:
    share, youngest, oldest = zip(*AGES_H, strict=True)
    band = int(dice.choice(len(AGES_H), p=share))
    hours: float = youngest[band] * (oldest[band] / youngest[band]) ** dice.random()
    return round(hours * HOUR_MS)
