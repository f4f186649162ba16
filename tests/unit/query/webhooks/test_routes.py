"""`/v1/webhooks` through the whole application: whose they are, and what is told of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from update_stage import changed, label_of, shown

from query.api import Deps, create_app
from query.asker import Asker, Link, Mandate
from query.principal import Principal
from query.webhooks.addresses import Reach
from query.webhooks.database import SqliteDatabase
from query.webhooks.routes import MOST, Hooks
from query.webhooks.signing import Secrets
from query.webhooks.store import WebhookStore

NEW = {"url": "https://hooks.example.com/a", "question": {"query": "printer fire"}}
EXPIRES_MS = 1_800_000_600_000


class Stage:
    def __init__(self, company: Any, file: Path) -> None:
        self.database = SqliteDatabase(file)
        self.store = WebhookStore(self.database)
        self.company = company
        self.askers: dict[str, Asker] = {}
        hooks = Hooks(company.parts(), self.store, Secrets(b"k" * 32), Reach())
        self.app = create_app(Deps(company.parts(), self.askers.__getitem__, 5.0, hooks=hooks))

    def client(self, name: str, subject: str = "alice", tenant: str = "acme", **mandate: Any) -> httpx.AsyncClient:
        kept = {"chain": (Link("agent", name),), "expires_ms": EXPIRES_MS} | mandate
        self.askers[name] = Asker(Principal(f"{subject}@acme.example", tenant), Mandate(**kept))
        transport = httpx.ASGITransport(self.app)
        headers = {"Authorization": f"Bearer {name}"}
        return httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers)


@pytest.fixture
def stage(company: Any, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(company, tmp_path / "webhooks.db")
    yield stage
    stage.database.close()


async def test_a_webhook_is_made_with_a_secret_that_is_shown_once_and_ends_with_the_token(stage: Stage) -> None:
    client = stage.client("a")
    made = (await client.post("/v1/webhooks", json=NEW)).json()
    assert (made["secret"][:6], made["expires_ms"]) == ("whsec_", EXPIRES_MS)
    (listed,) = (await client.get("/v1/webhooks")).json()
    assert listed == {name: value for name, value in made.items() if name != "secret"}


@pytest.mark.parametrize(
    ("new", "status"),
    [
        (NEW | {"url": "https://127.0.0.1/"}, 422),
        (NEW | {"url": "http://hooks.example.com/"}, 422),
        (NEW | {"question": {"query": " "}}, 422),
        (NEW | {"question": {"query": "x", "sources": ["jira"]}}, 422),
        (NEW | {"question": {"query": "x", "asker": "bob"}}, 422),
    ],
)
async def test_one_that_could_never_be_served_is_refused(stage: Stage, new: Any, status: int) -> None:
    reply = await stage.client("a").post("/v1/webhooks", json=new)
    assert (reply.status_code, reply.json()["code"], stage.store.all()) == (status, "invalid_question", [])


async def test_a_token_that_may_not_search_or_never_expires_makes_none(stage: Stage) -> None:
    for mandate in ({"operations": frozenset({"freshness"})}, {"expires_ms": None}):
        reply = await stage.client("a", **mandate).post("/v1/webhooks", json=NEW)
        assert (reply.status_code, stage.store.all()) == (403, [])


async def test_webhooks_of_others_look_like_none(stage: Stage) -> None:
    made = (await stage.client("a").post("/v1/webhooks", json=NEW)).json()["id"]
    others = [
        stage.client("b", subject="bob"),
        stage.client("c", tenant="umbrella"),
        stage.client("d", chain=(Link("agent", "a"), Link("helper", "h"))),
    ]
    for other in others:
        assert (await other.get("/v1/webhooks")).json() == []
        for method, path in (("GET", "/deliveries"), ("POST", "/redeliver"), ("DELETE", "")):
            found = await other.request(method, f"/v1/webhooks/{made}{path}")
            absent = await other.request(method, f"/v1/webhooks/{'0' * 32}{path}")
            assert (found.status_code, found.content) == (404, absent.content)
    assert stage.store.get(made) is not None


async def test_who_handed_a_token_on_sees_and_ends_what_was_made_with_it(stage: Stage) -> None:
    made = await stage.client("d", chain=(Link("agent", "a"), Link("helper", "h"))).post("/v1/webhooks", json=NEW)
    client = stage.client("a")
    assert [one["id"] for one in (await client.get("/v1/webhooks")).json()] == [made.json()["id"]]
    assert (await client.delete(f"/v1/webhooks/{made.json()['id']}")).status_code == 204
    assert (await client.get("/v1/webhooks")).json() == []


async def test_one_too_many_is_refused(stage: Stage) -> None:
    client = stage.client("a")
    replies = [await client.post("/v1/webhooks", json=NEW) for _ in range(MOST + 1)]
    assert [reply.status_code for reply in replies] == [201] * MOST + [409]


async def test_the_same_key_gives_the_same_webhook_and_secret_also_where_no_other_may_be_made(stage: Stage) -> None:
    client, key = stage.client("a"), {"Idempotency-Key": "key-1"}
    first = await client.post("/v1/webhooks", json=NEW, headers=key)
    for _ in range(MOST - 1):
        await client.post("/v1/webhooks", json=NEW)
    again = await client.post("/v1/webhooks", json=NEW, headers=key)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert len(stage.store.all()) == MOST
    assert (await client.post("/v1/webhooks", json=NEW, headers={"Idempotency-Key": "key-2"})).status_code == 409


@pytest.mark.parametrize("other", [{"url": "https://hooks.example.com/b"}, {"question": {"query": "toner"}}])
async def test_a_key_for_another_webhook_is_refused_and_none_is_made(stage: Stage, other: Any) -> None:
    client, key = stage.client("a"), {"Idempotency-Key": "key-1"}
    made = (await client.post("/v1/webhooks", json=NEW, headers=key)).json()
    reply = await client.post("/v1/webhooks", json=NEW | other, headers=key)
    assert (reply.status_code, reply.json()["code"]) == (422, "idempotency_key_reused")
    assert [kept.webhook.id for kept in stage.store.all()] == [made["id"]]


async def test_the_same_key_of_others_or_of_another_token_is_another_key(stage: Stage) -> None:
    clients = [stage.client("a"), stage.client("b", subject="bob"), stage.client("e")]
    replies = [await client.post("/v1/webhooks", json=NEW, headers={"Idempotency-Key": "k"}) for client in clients]
    assert len({reply.json()["secret"] for reply in replies}) == len(stage.store.all()) == 3


async def test_what_another_process_made_meanwhile_for_the_same_key_is_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, key = stage.client("a"), {"Idempotency-Key": "key-1"}
    first = await client.post("/v1/webhooks", json=NEW, headers=key)
    get, found = WebhookStore.get, iter([None])
    monkeypatch.setattr(WebhookStore, "get", lambda store, name: next(found, get(store, name)))
    again = await client.post("/v1/webhooks", json=NEW, headers=key)
    assert (again.status_code, again.content) == (201, first.content)


async def test_what_is_told_of_deliveries_names_no_record(stage: Stage) -> None:
    client, company = stage.client("a"), stage.company
    made = (await client.post("/v1/webhooks", json=NEW)).json()["id"]
    changed(company, "helpdesk/rows/secret", "printer fire", label_of("bob@acme.example"))
    stage.store.note(
        [(f"msg_{n}", made, shown(company, "helpdesk/rows/secret")) for n in range(2)], company.now.wall_ms
    )
    stage.store.settle("msg_0", "dead", "status_500")
    reply = await client.get(f"/v1/webhooks/{made}/deliveries", params={"state": "dead"})
    assert [one["id"] for one in reply.json()] == ["msg_0"]
    assert "secret" not in reply.text
    assert (await client.post(f"/v1/webhooks/{made}/redeliver")).json() == {"count": 1}
