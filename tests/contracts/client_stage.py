"""What tests of the Python client share: an API that replies as told, and what it may say."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from schemas.answer import Answer, Hit, SourceStatus

STATUS = SourceStatus(source="wiki", state="fresh", watermark_ms=1, lag_ms=1, slo_ms=2000)
Said = httpx.Response | Exception


def an_answer(**changed: Any) -> Answer:
    return Answer(**{"hits": [], "sources": [STATUS], "exact": True, "answered_ms": 1, "timings": {}} | changed)


def a_hit(record_id: str = "wiki/wiki.pages/1", **changed: Any) -> Hit:
    made = {
        "record_id": record_id,
        "source": "wiki",
        "table": "wiki.pages",
        "key": {"id": 1},
        "title": "Printers",
        "text": "The printer is out of toner.",
        "url": "https://wiki.example/1",
        "metadata": {"status": "open"},
        "score": 0.5,
        "relevance": 0.6,
        "similarity": 0.6,
        "freshness": 0.8,
        "commit_ms": 1_800_000_000_000,
        "event_ms": 1_800_000_000_000,
        "age_ms": 5000,
        "position": "0000000000000001.00000000",
        "chunk": 0,
        "why": ["user:alice"],
        "citation": "wiki/wiki.pages/1",
    }
    return Hit(**made | changed)


def json_of(model: Any, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, content=model.model_dump_json(), headers=headers)


@dataclass
class Api:
    """Replies in turn, and the last for ever. `seen`: every request."""

    replies: list[Said]
    seen: list[httpx.Request] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        said = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(said, Exception):
            raise said
        return said
