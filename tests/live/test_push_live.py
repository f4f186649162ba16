"""Push on the running product: nothing is lost while the API is down, nothing reaches who lost the right meanwhile."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, aclosing, contextmanager
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest
from live_stage import new_ticket, within
from standardwebhooks.webhooks import Webhook

import freshline
from bench.push.listen import Arrived, receiving, streaming
from infra.local.stack import Stack
from query.capabilities.revoked import revocation, revoke
from query.client import AsyncClient, Client
from query.tokens import load_public_keys, verify
from schemas.settings import Settings

pytestmark = pytest.mark.live

ASKED = {"query": "What is new?", "source": "helpdesk", "min_relevance": 0}
QUESTION = {"query": "What is new?", "sources": ["helpdesk"], "min_relevance": 0}
PATIENCE_S = 30.0
Database = psycopg.Connection[Any]


def say(company: Database, ticket: int, text: str) -> str:
    company.execute("UPDATE helpdesk.tickets SET body = %s, updated_at = now() WHERE id = %s", [text, ticket])
    return text


def own(company: Database, owner: str | None, tickets: list[int]) -> None:
    company.execute("UPDATE helpdesk.tickets SET owner_email = %s WHERE id = ANY(%s)", [owner, tickets])


def join(company: Database, who: str) -> None:
    company.execute(
        "INSERT INTO helpdesk.members (team_id, user_email, tenant_id, full_name) VALUES (11, %s, 'acme', 'Somebody')",
        [who],
    )


def leave(company: Database, who: str) -> None:
    company.execute("DELETE FROM helpdesk.members WHERE team_id = 11 AND user_email = %s", [who])


def revoke_token(settings: Settings, token: str) -> None:
    asker = verify(token, load_public_keys(settings.home / "keys"), settings.audience, time.time())
    (link,) = asker.mandate.chain
    revoke(settings.kafka, revocation(link.revocation_id, time.time_ns() // 1_000_000, None), 10)


def hooked(url: str, token: str, hook: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    reply = httpx.post(f"{url}/v1/webhooks", json={"url": hook, "question": QUESTION}, headers=headers, timeout=20)
    assert reply.status_code == 201, reply.text
    made: dict[str, Any] = reply.json()
    return made


def hooks_of(url: str, token: str) -> set[str]:
    reply = httpx.get(f"{url}/v1/webhooks", headers={"Authorization": f"Bearer {token}"}, timeout=20)
    return {hook["id"] for hook in reply.raise_for_status().json()}


def closed_by(arrived: Arrived) -> str | None:
    """The code with which the server closed a stream, if it did."""
    return dict(arrived.said).get("closed", {}).get("code")


def until_told(text: str, *arrived: Arrived) -> None:
    for one in arrived:
        within(f"{text} arrives", partial(one.at, text), PATIENCE_S)


Follow = Callable[[str, str, list[str], set[str]], None]


@contextmanager
def following(follow: Follow, url: str, token: str, wanted: set[str]) -> Iterator[list[str]]:
    """What a client is told meanwhile, over however many connections; it ends when that is all that is wanted."""
    told: list[str] = []
    thread = threading.Thread(target=follow, args=(url, token, told, wanted), daemon=True)
    thread.start()
    yield told
    thread.join(PATIENCE_S)


def by_client(url: str, token: str, told: list[str], wanted: set[str]) -> None:
    with Client(url, token) as api:
        for news in api.updates("What is new?", sources=["helpdesk"], min_relevance=0, for_s=300):
            told.append(news.pushed.hit.text)
            if wanted and wanted <= {*told}:
                return


def by_async_client(url: str, token: str, told: list[str], wanted: set[str]) -> None:
    async def follow() -> None:
        async with AsyncClient(url, token) as api:
            updates = api.updates("What is new?", sources=["helpdesk"], min_relevance=0, for_s=300)
            async with aclosing(updates):
                async for news in updates:
                    told.append(news.pushed.hit.text)
                    if wanted and wanted <= {*told}:
                        return

    asyncio.run(follow())


def test_over_a_restart_nothing_is_lost_and_who_lost_the_right_meanwhile_gets_nothing(
    settings: Settings, company: Database
) -> None:
    """The right: a token (revoked), a membership (its row deleted), a record's label (its owner changed)."""
    url, stack, name = freshline.api_url(settings), Stack(settings.home, report=print), time.time_ns()
    member, owner = (f"{who}-{name}@acme.example" for who in ("member", "owner"))
    tokens = {who: freshline.token_for(settings, "alice", seconds=600) for who in ("alice", "revoked")}
    tokens |= {who: freshline.token_for(settings, who, "acme", seconds=600) for who in (member, owner)}
    tickets = [new_ticket(company, f"Restart {number}") for number in range(10)]
    join(company, member)
    own(company, owner, tickets)
    wanted = set[str]()
    with ExitStack() as ends:
        ends.callback(leave, company, member)
        hooks = {who: ends.enter_context(receiving()) for who in tokens}
        made = {who: hooked(url, token, hooks[who][0]) for who, token in tokens.items()}
        told = [ends.enter_context(following(by, url, tokens["alice"], wanted)) for by in (by_client, by_async_client)]

        def heard() -> bool | None:
            say(company, tickets[0], f"Is anybody there? {time.time_ns()}")
            return all(told) or None

        within("the clients follow", heard, PATIENCE_S)
        last_ids = until_it_goes(url, stack, tokens, lambda: say(company, tickets[0], f"Before it went {name}"), hooks)
        during = [say(company, ticket, f"While it was down {name} {ticket}") for ticket in tickets]
        revoke_token(settings, tokens["revoked"])
        leave(company, member)
        own(company, None, tickets)
        stack.up_services()
        streams = {
            who: ends.enter_context(streaming(url, token, ASKED, last_ids[who])) for who, token in tokens.items()
        }
        for text in during:
            until_told(text, streams["alice"], hooks["alice"][1])
        for who in (member, owner):  # they still see what is their own, and are told of it, but of nothing before it
            mine = new_ticket(company, "One's own")
            own(company, who, [mine])
            until_told(say(company, mine, f"For {who} {name}"), streams[who], hooks[who][1])
        for who in ("revoked", member, owner):
            assert not {*during} & {*streams[who].texts(), *hooks[who][1].texts()}, who
        assert [code for _, code in streams["revoked"].said] == [{"code": "HTTPStatusError"}]
        assert {made["alice"]["id"], made["revoked"]["id"]} & hooks_of(url, tokens["alice"]) == {made["alice"]["id"]}
        wanted |= {*during, f"All is said {name}"}
        # Of a ticket that says nothing else: a version that is superseded before a client goes on is passed over.
        say(company, new_ticket(company, "The end"), f"All is said {name}")
    assert [wanted - {*texts} for texts in told] == [set(), set()]
    for headers, body in zip(hooks["alice"][1].headers, hooks["alice"][1].bodies, strict=True):
        Webhook(made["alice"]["secret"]).verify(body, headers)


def until_it_goes(
    url: str, stack: Stack, tokens: dict[str, str], begin: Callable[[], str], hooks: dict[str, tuple[str, Arrived]]
) -> dict[str, str]:
    """All of them are told of something, then the API stops; where each stream ended."""
    with ExitStack() as ends:
        streams = {who: ends.enter_context(streaming(url, token, ASKED)) for who, token in tokens.items()}
        until_told(begin(), *streams.values(), *(arrived for _, arrived in hooks.values()))
        stack.kill("api", sign=signal.SIGTERM)
        for arrived in streams.values():
            within("the stream ends", partial(closed_by, arrived), PATIENCE_S)
            assert closed_by(arrived) == "restarting"
        # Its streams end first; until the process does, webhooks are still sent, to those who still have the right.
        within("the API is gone", lambda: is_stopped(stack, "api") or None, PATIENCE_S)
        return {who: arrived.last_id for who, arrived in streams.items()}


def is_stopped(stack: Stack, name: str) -> bool:
    return any(part.name == name and part.state == "stopped" for part in stack.status())


def test_a_stream_is_told_in_words_that_its_token_was_revoked(settings: Settings, company: Database) -> None:
    token = freshline.token_for(settings, "alice", seconds=600)
    ticket = new_ticket(company, "Revoked")
    with streaming(freshline.api_url(settings), token, ASKED) as arrived:
        revoke_token(settings, token)

        def closed() -> str | None:
            say(company, ticket, f"It goes on {time.time_ns()}")
            return closed_by(arrived)

        assert within("the stream ends", closed, PATIENCE_S) == "unauthenticated"
        told = len(arrived.pushed)
        say(company, ticket, f"After it was revoked {time.time_ns()}")
    assert len(arrived.pushed) == told
