"""Two ways to get hits for a question: through the API, and by its bare parts."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any, Protocol

from pymilvus import MilvusClient

from bench.search.company import asker
from bench.search.stage import Stage
from index.embedder import Embedder
from index.milvus import STRONG, expression
from query.tokens import load_signing_key, mint
from query.view import PermissionView
from schemas.access import AccessFilter
from schemas.errors import Unavailable

LIMIT = 10
SHOWN = ("record_id", "source", "table", "key", "title", "text", "url", "metadata", "event_ms", "commit_ms", "label")
"""What an application would want of a hit."""


class Way(Protocol):
    """One client's; not to be shared."""

    def ask(self, question: str) -> int:
        """The number of hits. Raises Unavailable for a failure."""


@dataclass(slots=True)
class Api:
    """`POST /v1/search` over a connection that stays open, the reply read as JSON. `timings`: step -> milliseconds."""

    connection: HTTPConnection
    token: str
    timings: dict[str, list[float]]

    @classmethod
    def of(cls, stage: Stage, percent: int) -> "Api":
        key = load_signing_key(stage.settings.home / "keys")
        token = mint(key, asker(percent), stage.settings.audience, 3600, time.time())
        return cls(HTTPConnection("127.0.0.1", stage.port, timeout=120), token, {})

    def ask(self, question: str) -> int:
        body = json.dumps({"query": question, "limit": LIMIT})
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self.connection.request("POST", "/v1/search", body, headers)
        with self.connection.getresponse() as reply:
            answer: dict[str, Any] = json.loads(reply.read())
        if "hits" not in answer:
            raise Unavailable("the API", f"it refused: {answer}")
        for name, ms in answer["timings"].items():
            self.timings.setdefault(name, []).append(ms)
        return len(answer["hits"])


@dataclass(slots=True)
class Parts:
    """Embed the question, then one search of Milvus with the same filter: what anything that answers has to do."""

    embedder: Embedder
    client: MilvusClient
    collection: str
    filter: str
    timings: dict[str, list[float]] = field(default_factory=dict)

    @classmethod
    def of(cls, stage: Stage, percent: int, view: PermissionView, sources: frozenset[str]) -> "Parts":
        access = AccessFilter(view.visible(asker(percent)).labels, sources)
        client = MilvusClient(stage.settings.milvus_uri, token=stage.token, timeout=120, dedicated=True)
        return cls(stage.embedder, client, stage.index.store.names.chunks, expression(access))

    def ask(self, question: str) -> int:
        with self._timed("embed"):
            vector = self.embedder.embed_question(question)
        with self._timed("search"):
            [hits] = self.client.search(
                self.collection,
                data=[vector.tolist()],
                anns_field="vector",
                filter=self.filter,
                limit=LIMIT,
                output_fields=list(SHOWN),
                consistency_level=STRONG,
            )
        return len(hits)

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.timings.setdefault(step, []).append((time.perf_counter() - began) * 1000)
