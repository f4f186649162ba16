"""The API over the company in memory, as one asker meets it."""

from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from update_stage import ListLog

from index.store import Version
from query.api import Deps, create_app
from query.asker import Asker, Mandate
from query.gateway.cursor import Cursors
from query.gateway.manners import Manners
from query.gateway.paging import SearchPages
from query.principal import Principal
from query.search import Parts
from query.updates.places import UpdateCursors
from query.updates.stream import Push
from query.updates.streams import Streams
from query.webhooks.addresses import Reach
from query.webhooks.database import SqliteDatabase
from query.webhooks.routes import Hooks
from query.webhooks.signing import Secrets
from query.webhooks.store import WebhookStore
from query.workers import Workers
from schemas.errors import Unauthenticated
from schemas.label import Label, LabelDefinition

ALICE = Principal("alice@acme.example", "acme", "planner")
BOB = Principal("bob@acme.example", "acme")
OWN = Label(tenant="acme", readers=("user:alice@acme.example",))


class QuietFeed(ListLog):
    """Updates that nobody is told of."""

    def waking(self, _: Any) -> Any:
        return nullcontext()


@dataclass
class Served:
    """`askers`: token -> who asks with it. `database`: of webhooks. `workers`: of update streams."""

    company: Any
    database: SqliteDatabase
    workers: Workers
    askers: dict[str, Asker] = field(
        default_factory=lambda: {"alice": Asker(ALICE), "bob": Asker(BOB), "rival": Asker(Principal("eve", "rival"))}
    )
    clients: list[httpx.AsyncClient] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Tokens that were verified."""

    def verify(self, token: str) -> Asker:
        self.asked.append(token)
        if token not in self.askers:
            raise Unauthenticated()
        return self.askers[token]

    def app(self, manners: Manners | None = None, timeout_s: float = 5.0, **changed: Any) -> FastAPI:
        parts = self.company.parts(**changed)
        pages = SearchPages(Cursors(parts.recorder.secret("cursors")))
        parts = self.company.parts(recorder=parts.recorder, pages=pages, **changed)
        return create_app(
            Deps(parts, self.verify, timeout_s, manners or Manners(), push=self._push(parts), hooks=self._hooks(parts))
        )

    def _push(self, parts: Parts) -> Push:
        cursors = UpdateCursors(Cursors(parts.recorder.secret("updates")))
        return Push(parts, QuietFeed(), cursors, Streams(), self.workers)  # type: ignore[arg-type]

    def _hooks(self, parts: Parts) -> Hooks:
        return Hooks(parts, WebhookStore(self.database), Secrets(b"k" * 32), Reach())

    def client(self, bearer: str = "alice", app: FastAPI | None = None, address: str = "192.0.2.7") -> Any:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        transport = httpx.ASGITransport(app or self.app(), client=(address, 4711))
        self.clients.append(httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers))
        return self.clients[-1]

    def narrowed(self, token: str, who: Principal = ALICE, **mandate: Any) -> str:
        self.askers[token] = Asker(who, Mandate(**mandate))
        return token


@pytest.fixture
async def served(company: Any, tmp_path: Path) -> AsyncIterator[Served]:
    stage = Served(company, SqliteDatabase(tmp_path / "webhooks.db"), Workers(threads=2, waiting=8))
    yield stage
    for each in stage.clients:
        await each.aclose()
    stage.workers.close()
    stage.database.close()


@pytest.fixture
def put(company: Any) -> Callable[..., None]:
    """Index a record of Alice's, of one chunk for each text."""

    def put(record_id: str, *texts: str, label: Label = OWN, age_s: float = 0.0, **changed: Any) -> None:
        company.put(record_id, texts[0], label, age_s, **changed)
        (head,) = company.store.held([record_id])[record_id].rows
        rows = [replace(head, chunk=n, chunks=len(texts), text=text) for n, text in enumerate(texts)]
        company.store.write([Version(record_id, head.position, tuple(rows), 1)])

    return put


class Rewriting:
    """The company, with records that are written anew."""

    own = OWN

    def __init__(self, company: Any) -> None:
        self.company, self.store = company, company.store

    def rewrite(self, record_id: str, label: Label) -> None:
        """At a later position, under this label, otherwise as it was."""
        self.company.view.define(LabelDefinition.of(label))
        position = self.company.next_position()
        rows = [replace(row, position=position, label=label.id) for row in self.store.held([record_id])[record_id].rows]
        self.store.write([Version(record_id, position, tuple(rows), len(rows))])


@pytest.fixture
def rewriting(company: Any) -> Rewriting:
    return Rewriting(company)
