"""Rows for tests of ranking, and the answer by brute force, written apart from the product's."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from index.store import Found, Row
from index.words import idf, occurrences, question_words
from schemas.label import LabelId
from schemas.position import Position

NOW_MS = 1_800_000_000_000


def row(record: str, age_s: float = 0.0, chunk: int = 0, **changed: Any) -> Row:
    at = NOW_MS - round(age_s * 1000)
    values: dict[str, Any] = {
        "record_id": record,
        "source": "helpdesk",
        "table": "t",
        "key": "{}",
        "position": Position("1"),
        "label": LabelId(1),
        "commit_ms": at,
        "event_ms": at,
        "chunk": chunk,
        "chunks": 1,
        "title": "",
        "text": f"{record} {chunk}",
        "url": "",
        "metadata": "{}",
        "text_hash": "",
        "vector": np.empty(0, dtype=np.float32),
    }
    return Row(**values | changed)


def found(record: str, similarity: float, age_s: float = 0.0, chunk: int = 0) -> Found:
    return Found(row(record, age_s, chunk), similarity)


def brute_force(
    rows: Iterable[Row],
    relevance: Callable[[Row], float],
    terms: Callable[[Row], tuple[float, float]],
    permits: Callable[[Row], bool],
    most: Callable[[str], int],
) -> list[tuple[float, str]]:
    """The whole list, of all that is permitted: (score, record id). `terms`: half-life in seconds, and floor."""

    def score(one: Row) -> float:
        half_life_s, floor = terms(one)
        age_s = max(0, NOW_MS - one.event_ms) / 1000
        return relevance(one) * (floor + (1 - floor) * math.exp2(-age_s / half_life_s))

    ordered = sorted(rows, key=lambda one: (-score(one), -one.event_ms, one.record_id, one.chunk))
    records, said, of_source, shown = set[str](), set[str](), dict[str, int](), []
    for one in ordered:
        if one.record_id in records or not permits(one):
            records.add(one.record_id)
            continue
        records.add(one.record_id)
        says = " ".join(one.title.split()).casefold() + "|" + " ".join(one.text.split()).casefold()
        if of_source.get(one.source, 0) >= most(one.source) or says in said:
            continue
        said.add(says)
        of_source[one.source] = of_source.get(one.source, 0) + 1
        shown.append((score(one), one.record_id))
    return shown


def bm25_of(question: str, permitted: list[Row]) -> Callable[[Row], float]:
    """By the formula, over what is permitted."""
    kept = {one.chunk_id: occurrences(f"{one.title}\n{one.text}" if one.title else one.text) for one in permitted}
    counts = {word: sum(word in each for each in kept.values()) for word in question_words(question)}
    return lambda one: sum(idf(count) * kept[one.chunk_id].get(word, 0.0) for word, count in counts.items() if count)
