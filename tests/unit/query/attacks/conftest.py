"""The company of the other tests behind the real door: real tokens, and everything that is asked of a store counted."""

from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from source_reader_contract import DoubleStage, contract_of

from index.memory import MemoryStore
from query.api import Deps, create_app
from query.asker import Mandate
from query.capabilities.identity import Identity
from query.capabilities.issue import Charter
from query.capabilities.issue import mint as mint_capability
from query.capabilities.revoked import Revocations
from query.decisions.memory import MemoryDecisions
from query.leave import Guards
from query.principal import Principal
from query.redact import Redactor
from query.source.confirm import Sources, confirming
from query.tokens import generate_keys, load_signing_key, mint
from schemas.contract import Contract
from schemas.label import Label
from schemas.revocation import Revocation

AUDIENCE = "freshline"
LAG_LIMIT_S = 15.0
HOUR_MS = 3_600_000
UNCOMPARED = {"content-length", "ratelimit", "ratelimit-policy"}
"""Headers that tell of how much was asked before."""


class CountedStore(MemoryStore):
    """Counts each call, by name."""

    def __init__(self, calls: Counter[str]) -> None:
        super().__init__()
        self._calls = calls

    def search(self, *args: Any) -> Any:
        self._calls["index.search"] += 1
        return super().search(*args)

    def head(self, record_id: str) -> Any:
        self._calls["index.head"] += 1
        return super().head(record_id)

    def held(self, *args: Any) -> Any:
        self._calls["index.held"] += 1
        return super().held(*args)


class CountedDecisions(MemoryDecisions):
    """Counts each call, by name."""

    def __init__(self, calls: Counter[str]) -> None:
        super().__init__()
        self._calls = calls

    def append(self, *args: Any) -> None:
        self._calls["decisions.append"] += 1
        super().append(*args)

    def find(self, *args: Any, **named: Any) -> Any:
        self._calls["decisions.find"] += 1
        return super().find(*args, **named)

    def rows_shown(self, revocation_ids: Collection[str]) -> int:
        self._calls["decisions.rows_shown"] += 1
        return super().rows_shown(revocation_ids)


@dataclass
class Attacked:
    """The API as an attacker meets it."""

    company: Any
    keys: Path
    calls: Counter[str] = field(default_factory=Counter)
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def __post_init__(self) -> None:
        generate_keys(self.keys)
        self.company.store = CountedStore(self.calls)
        self.company.decisions = CountedDecisions(self.calls)
        self.revocations = Revocations(lambda: self.company.now.wall_ms)
        self.revocations.caught_up(self.company.now.steady)
        self.database = DoubleStage()

    @property
    def identity(self) -> Identity:
        sources = frozenset(self.company.contracts)
        return Identity(self.keys, AUDIENCE, sources, self.revocations, LAG_LIMIT_S, self.company.clock)

    def app(self, **changed: Any) -> Any:
        return create_app(Deps(self.company.parts(**changed), self.identity, 5.0))

    def client(self, bearer: str | None = None, **changed: Any) -> httpx.AsyncClient:
        return self.client_of(self.app(**changed), bearer)

    def client_of(self, app: Any, bearer: str | None = None) -> httpx.AsyncClient:
        """Of several clients of one application."""
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        transport = httpx.ASGITransport(app, client=("192.0.2.7", 4711))
        self.clients.append(httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers))
        return self.clients[-1]

    def jwt(self, who: Principal, lifetime_s: int = 3600) -> str:
        return mint(load_signing_key(self.keys), who, AUDIENCE, lifetime_s, self.company.now.wall_ms / 1000)

    def capability(self, who: Principal, attributes: Mapping[str, str] | None = None, **narrowing: Any) -> str:
        now_ms = self.company.now.wall_ms
        mandate = Mandate(expires_ms=now_ms + HOUR_MS, **narrowing)
        return mint_capability(
            load_signing_key(self.keys), Charter(who, AUDIENCE, mandate, attributes or {}), now_ms / 1000
        )

    def revoke(self, token: str) -> None:
        name = self.identity(token).mandate.chain[-1].revocation_id
        message = Revocation(id=name, revoked_ms=self.company.now.wall_ms)
        self.revocations.take(name.encode(), message.model_dump_json().encode())

    def at_source(self, contract: Contract | None = None) -> Guards:
        """The company gets a source, `vault`, whose database confirms."""
        chosen = contract or contract_of()
        self.company.contracts[chosen.source] = chosen
        self.company.beat(chosen.source)
        confirmed = {chosen.source: confirming(chosen, self.database.reader)}
        return Guards(Sources(confirmed, 10_000), Redactor(self.company.contracts.values()))

    async def work_of(self, client: httpx.AsyncClient, method: str, path: str, **sent: Any) -> tuple[Any, ...]:
        """All of a reply that an attacker can compare, and what it cost: calls of each store and of the database."""
        self.calls.clear()
        self.database.reader.reads.clear()
        reply = await client.request(method, path, **sent)
        headers = {name: value for name, value in reply.headers.items() if name not in UNCOMPARED}
        work = {**self.calls, "database": len(self.database.reader.reads)}
        return reply.status_code, headers, comparable(reply.json()), work


def comparable(body: Any) -> Any:
    """Without what is another for each answer: its id, and how long each step took. Which steps there were stays."""
    if not isinstance(body, dict) or "timings" not in body:
        return body
    return {**body, "id": len(body["id"]), "timings": sorted(body["timings"])}


@pytest.fixture
async def attacked(company: Any, tmp_path: Path) -> AsyncIterator[Attacked]:
    stage = Attacked(company, tmp_path / "keys")
    company.put(
        "helpdesk/tickets/1", "the printer is on fire", Label(tenant="acme", readers=("user:alice@acme.example",))
    )
    yield stage
    for client in stage.clients:
        await client.aclose()


@pytest.fixture
def mallory() -> Principal:
    """Of another tenant, under the name of somebody of the first."""
    return Principal("alice@acme.example", "rival")
