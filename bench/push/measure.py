"""Commit → push, sampled: single updates of one ticket, each until the agent is told of it."""

import time
from typing import Any

import httpx
import psycopg

from bench.push.listen import Arrived, receiving, streaming

LONGEST_S = 20.0
PAUSE_S = 0.05
Figures = dict[str, Any]


def measure(url: str, token: str, dsn: str, samples: int = 60) -> Figures:
    """Milliseconds from the commit's return until a stream and a webhook have the change: p50, p99, most.

    `token`: of somebody who sees the tickets of team 11 of the sample company; it outlives the measurement. The API
    must allow webhooks to loopback (FRESHLINE_WEBHOOK_ALLOW=127.0.0.0/8). Raises AssertionError where one is missing.
    """
    asked = {"query": "Which measurement is under way?", "source": "helpdesk", "min_relevance": 0}
    question = {"query": asked["query"], "sources": ["helpdesk"], "min_relevance": 0}
    with (
        psycopg.connect(dsn, autocommit=True) as database,
        receiving() as (hook, by_webhook),
        streaming(url, token, asked) as by_stream,
    ):
        reply = httpx.post(
            f"{url}/v1/webhooks",
            json={"url": hook, "question": question},
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
        )
        reply.raise_for_status()
        times = [_one(database, ticket, by_stream, by_webhook) for ticket in _tickets(database, samples)]
        ended = f"{url}/v1/webhooks/{reply.json()['id']}"
        httpx.delete(ended, headers={"Authorization": f"Bearer {token}"}, timeout=20).raise_for_status()
    return {
        "samples": samples,
        "stream_ms": _figures([stream for stream, _ in times]),
        "webhook_ms": _figures([webhook for _, webhook in times]),
    }


def _tickets(database: psycopg.Connection[Any], samples: int) -> list[tuple[int, str]]:
    """One ticket, and what it says in each sample."""
    found = database.execute(
        """INSERT INTO helpdesk.tickets (tenant_id, team_id, owner_email, subject, body, region)
           VALUES ('acme', 11, NULL, 'Measurement', 'A measurement begins.', 'north') RETURNING id"""
    ).fetchone()
    assert found is not None
    began = time.time_ns()
    return [(int(found[0]), f"Measurement {began} is at step {number}.") for number in range(samples)]


def _one(
    database: psycopg.Connection[Any], ticket: tuple[int, str], by_stream: Arrived, by_webhook: Arrived
) -> tuple[float, float]:
    number, text = ticket
    database.execute("UPDATE helpdesk.tickets SET body = %s, updated_at = now() WHERE id = %s", [text, number])
    committed = time.time()
    deadline = time.monotonic() + LONGEST_S
    while by_stream.at(text) is None or by_webhook.at(text) is None:
        assert time.monotonic() < deadline, f"{text}: not told within {LONGEST_S:g} s"
        time.sleep(PAUSE_S)
    return (
        ((by_stream.at(text) or 0) - committed) * 1000,
        ((by_webhook.at(text) or 0) - committed) * 1000,
    )


def _figures(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "p50": round(ordered[len(ordered) // 2], 1),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 1),
        "most": round(ordered[-1], 1),
    }
