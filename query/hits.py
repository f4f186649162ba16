"""What is shown of a record that may leave."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from query.authorize import Authorized
from query.source.confirm import Leaving
from schemas.answer import Hit

LINKS = frozenset({"http", "https", "mailto", ""})
"""Schemes of what is shown as a link; without one it is relative."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A record that is shown, with the cross-encoder's score (between 0 and 1) where one ordered the hits."""

    leaving: Leaving
    rerank_score: float | None = None


def hit_of(shown: Shown, permitted: Authorized, metadata: dict[str, Any], now_ms: int) -> Hit:
    leaving, scored, row = shown.leaving, shown.leaving.scored, shown.leaving.scored.found.row
    return Hit(
        record_id=row.record_id,
        source=row.source,
        table=row.table,
        key=orjson.loads(row.key),
        title=row.title,
        text=row.text,
        url=link(row.url),
        metadata=metadata,
        score=scored.score,
        relevance=scored.relevance,
        similarity=scored.similarity,
        keyword=scored.keyword,
        freshness=scored.freshness,
        commit_ms=row.commit_ms,
        event_ms=row.event_ms,
        age_ms=max(0, now_ms - row.event_ms),
        position=row.position,
        chunk=row.chunk,
        why=permitted.visibility.why(row.label),
        confirmed_ms=leaving.confirmed_ms,
        changed=leaving.changed,
        other_chunks=list(scored.other_chunks),
        duplicates=list(leaving.duplicates),
        rerank_score=shown.rerank_score,
    )


def link(url: str) -> str:
    """The address, if it can only lead somewhere; empty for one that would run in who opens it (`javascript:`), or hold
    what it shows (`data:`): a row may say anything."""
    try:
        return url if urlsplit(url).scheme in LINKS else ""
    except ValueError:
        return ""
