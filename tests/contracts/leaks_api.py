"""The real query layer over the leak test's company, in memory: its contract, relations, policies, tokens and API.

Only what feeds it is a double: rows become labels, grants and chunks here, by the product's own rules, all at once.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import freshline
from connectors.rows.permit import granted_by, label_of
from index.chunk import chunk
from index.hash_embedder import HashEmbedder
from index.memory import MemoryStore
from index.store import Row, Version
from infra.leaks.bearer import Asking
from infra.leaks.provider import Provider
from infra.leaks.stage import settings_of
from infra.leaks.world import SOURCE, Doc, World
from query.api import create_app
from query.authorize import Grounds
from query.capabilities.revoked import Revocations
from query.clock import system_clock
from query.decisions.memory import MemoryDecisions
from query.decisions.recorder import Recorder
from query.grounds import grounds_of
from query.search import Live
from query.serve import compose
from query.tokens import generate_keys
from query.view import PermissionView
from schemas.answer import Answer, Problem
from schemas.change import record_id
from schemas.errors import Rejected
from schemas.label import LabelDefinition
from schemas.position import Position
from schemas.progress import Progress
from schemas.relation import Grant
from schemas.settings import Settings

POSITION = Position("0000000000000001.00000000")


class MemoryIndex:
    """An index that is always there."""

    def __init__(self) -> None:
        self.live = Live(HashEmbedder(), MemoryStore())

    def open(self) -> None:
        """It is."""

    def now(self) -> Live:
        return self.live

    def ahead(self) -> tuple[Live, Callable[[], Live]]:
        return self.live, self.now


class Api:
    """The API as one asks it, for one state of the world at a time."""

    def __init__(self, home: Path) -> None:
        self._provider, self._home = Provider(), home
        generate_keys(home / "keys")
        self._environ = settings_of(home) | self._provider.publish(home / "identity.json")
        self._settings = Settings.load(self._environ)
        self._doors = freshline._LeaksProduct(self._settings)
        self._recorder = Recorder(MemoryDecisions(), Ed25519PrivateKey.generate())

    def client(self, world: World, spoil: Callable[[Grounds], Grounds] = lambda grounds: grounds) -> httpx.AsyncClient:
        """`spoil` may break what decides, to see that it is noticed."""
        grounds, index = grounds_of(self._settings), MemoryIndex()
        self._fill(grounds.view, grounds.contracts[SOURCE].tables, index.live, world)
        revocations = Revocations()
        revocations.caught_up(time.monotonic())
        deps = compose(self._settings, spoil(grounds), revocations, index, self._recorder)  # type: ignore[arg-type]
        return httpx.AsyncClient(transport=httpx.ASGITransport(create_app(deps)), base_url="http://api")

    async def ask(self, client: httpx.AsyncClient, asked: Asking) -> Answer | Problem:
        provided = asked.bearer.kind == "provider"
        token = self._provider.token(asked.bearer) if provided else self._doors.token(asked.bearer)
        headers = {"Authorization": f"Bearer {token}"}
        reply = await client.post("/v1/search", json=asked.question.model_dump(mode="json"), headers=headers)
        kind = Answer if reply.status_code == httpx.codes.OK else Problem
        return kind.model_validate_json(reply.content)

    def _fill(self, view: PermissionView, tables: Mapping[str, Any], live: Live, world: World) -> None:
        at = system_clock()
        for name, table, row in rows_of(world):
            tuples = granted_by(row, tables[table])
            if tables[table].relation:
                view.relate(Grant(record_id=name, position=POSITION, commit_ms=at.wall_ms, tuples=tuples))
        for doc in world.docs.values():
            put(live, view, tables[f"{SOURCE}.docs"], doc, at.wall_ms)
        progress = Progress(
            source=SOURCE, watermark_ms=at.wall_ms, position=POSITION, measured_ms=at.wall_ms, grants={}
        )
        view.advance(progress)
        view.caught_up(at.steady)


def rows_of(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Record id, table and columns of every row that may grant something."""
    for entry in world.entries():
        row = {"tenant": entry.tenant, "object": entry.object, "subject": entry.subject}
        yield record_id(SOURCE, f"{SOURCE}.{entry.table}", row, list(row)), f"{SOURCE}.{entry.table}", row
    for (tenant, folder), parent in world.folders.items():
        row = {"tenant": tenant, "id": folder, "parent": parent}
        yield record_id(SOURCE, f"{SOURCE}.folders", row, ["tenant", "id"]), f"{SOURCE}.folders", row


def put(live: Live, view: PermissionView, table: Any, doc: Doc, at_ms: int) -> None:
    """Index a document, unless nobody may see it."""
    try:
        label = label_of(asdict(doc), table.permissions)
    except Rejected:
        return
    view.define(LabelDefinition.of(label))
    texts = chunk(doc.body, live.embedder.count_tokens, live.embedder.spec.max_tokens)
    rows = tuple(
        Row(
            record_id=doc.record_id,
            source=SOURCE,
            table=f"{SOURCE}.docs",
            key=f'{{"id": {doc.id}}}',
            position=POSITION,
            label=label.id,
            commit_ms=at_ms,
            event_ms=at_ms,
            chunk=number,
            chunks=len(texts),
            title="",
            text=text,
            url="",
            metadata=f'{{"state": "{doc.state}"}}',
            text_hash="",
            vector=live.embedder.embed_question(text),
        )
        for number, text in enumerate(texts)
    )
    live.store.write([Version(doc.record_id, POSITION, rows, 0)])  # type: ignore[attr-defined]
