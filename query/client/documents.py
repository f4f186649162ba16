"""What both adapters hand to a framework: hits alone, what is known of each, and never a stale answer unasked."""

from collections.abc import Mapping
from typing import Any

from query.client.calls import question_of
from schemas.answer import Answer, Hit
from schemas.errors import TooStale


def checked(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of every question. Raises InvalidQuestion now for what would fail with each question later."""
    question_of("any", **options)
    return dict(options)


def shown(answer: Answer, allow_stale: bool) -> list[Hit]:
    """The hits of an answer that may be used. Raises TooStale for one that is further behind than its question allows,
    unless that is explicitly allowed. What failed at a source stands in `answer.sources` and is never a document."""
    if answer.stale and not allow_stale:
        behind = ", ".join(sorted(one.source for one in answer.sources if one.verdict == "beyond")) or "a source"
        raise TooStale(f"{behind}: further behind than the question allows; ask again later, or set allow_stale")
    return answer.hits


def about(answer: Answer, hit: Hit) -> dict[str, Any]:
    """What a document says of itself. The row's own metadata stands apart, so that no column can pose as ours."""
    return {
        "record_id": hit.record_id,
        "source": hit.source,
        "title": hit.title,
        "url": hit.url,
        "citation": hit.citation,
        "commit_ms": hit.commit_ms,
        "age_ms": hit.age_ms,
        "freshness": hit.freshness,
        "score": hit.score,
        "position": hit.position,
        "answer_id": answer.id,
        "stale": answer.stale,
        "row": hit.metadata,
    }


def name_of(hit: Hit) -> str:
    """The id of a document: one chunk of a record."""
    return f"{hit.record_id}#{hit.chunk}"
