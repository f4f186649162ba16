"""Push on the running product: nothing is lost while the API is down, and nothing reaches who was revoked meanwhile."""

import time
from typing import Any

import httpx
import psycopg
import pytest
from live_stage import new_ticket, within
from standardwebhooks.webhooks import Webhook

import freshline
from bench.push.listen import receiving, streaming
from infra.local.stack import Stack
from query.capabilities.revoked import revocation, revoke
from query.tokens import load_public_keys, verify
from schemas.settings import Settings

pytestmark = pytest.mark.live

ASKED = {"query": "What is new?", "source": "helpdesk", "min_relevance": 0}
QUESTION = {"query": "What is new?", "sources": ["helpdesk"], "min_relevance": 0}
PATIENCE_S = 30.0


def say(company: psycopg.Connection[Any], ticket: int, *texts: str) -> None:
    """The ticket says each of the texts, one after another; each a commit of its own."""
    for text in texts:
        company.execute("UPDATE helpdesk.tickets SET body = %s, updated_at = now() WHERE id = %s", [text, ticket])


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


def test_over_a_restart_nothing_is_lost_and_a_token_revoked_meanwhile_gets_nothing(
    settings: Settings, company: psycopg.Connection[Any]
) -> None:
    url, stack = freshline.api_url(settings), Stack(settings.home, report=print)
    good, bad = (freshline.token_for(settings, "alice", seconds=600) for _ in range(2))
    tickets = [new_ticket(company, f"Restart {number}") for number in range(10)]
    during = [f"While it was down {time.time_ns()}" for _ in tickets]
    with receiving() as (to_good, by_good), receiving() as (to_bad, by_bad):
        secret = hooked(url, good, to_good)["secret"]
        hooked(url, bad, to_bad)
        before = f"Before it went {time.time_ns()}"
        with streaming(url, good, ASKED) as first, streaming(url, bad, ASKED) as second:
            say(company, tickets[0], before)
            for arrived in (first, second, by_good, by_bad):
                within("the first update", lambda arrived=arrived: arrived.at(before), PATIENCE_S)  # type: ignore[misc]
            stack.kill("api", sign=15)
            within("streams end", lambda: ("closed" in dict(first.said)) or None, PATIENCE_S)
            assert dict(first.said)["closed"]["code"] == "restarting"
        for ticket, text in zip(tickets, during, strict=True):
            say(company, ticket, text)
        revoke_token(settings, bad)
        stack.up_services()
        with streaming(url, good, ASKED, first.last_id) as again, streaming(url, bad, ASKED, second.last_id) as refused:
            for text in during:
                within(f"the stream has {text}", lambda text=text: again.at(text), PATIENCE_S)  # type: ignore[misc]
                within(f"the webhook has {text}", lambda text=text: by_good.at(text), PATIENCE_S)  # type: ignore[misc]
        assert not {*during} & {*by_bad.texts(), *refused.texts()}
        assert [code for _, code in refused.said] == [{"code": "HTTPStatusError"}]
        for headers, body in zip(by_good.headers, by_good.bodies, strict=True):
            Webhook(secret).verify(body, headers)


def test_a_stream_is_told_in_words_that_its_token_was_revoked(
    settings: Settings, company: psycopg.Connection[Any]
) -> None:
    token = freshline.token_for(settings, "alice", seconds=600)
    ticket = new_ticket(company, "Revoked")
    with streaming(freshline.api_url(settings), token, ASKED) as arrived:
        revoke_token(settings, token)

        def closed() -> str | None:
            say(company, ticket, f"It goes on {time.time_ns()}")
            return dict(arrived.said).get("closed", {}).get("code")

        assert within("the stream ends", closed, PATIENCE_S) == "unauthenticated"
        told = len(arrived.pushed)
        say(company, ticket, f"After it was revoked {time.time_ns()}")
    assert len(arrived.pushed) == told
