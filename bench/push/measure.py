"""Commit → push, sampled: single updates of one ticket, each until the agent is told of it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg

from bench.push.listen import Arrived, receiving, streaming
from infra.demo.steps import percentile

LONGEST_S = 20.0
PAUSE_S = 0.05
QUERY = "Which measurement is under way?"
Figures = dict[str, Any]


def measure(url: str, token: str, dsn: str, samples: int) -> Figures:
    """Milliseconds from the commit's return until a stream and a webhook have the change: p50, p99, most.

    `token`: of somebody who sees the tickets of team 11 of the sample company; it outlives the measurement. By webhook
    None where the API does not allow webhooks to loopback. Raises AssertionError where one is missing.
    """
    asked = {"query": QUERY, "source": "helpdesk", "min_relevance": 0}
    with (
        psycopg.connect(dsn, autocommit=True) as database,
        receiving() as (hook, by_webhook),
        streaming(url, token, asked) as by_stream,
        _hooked(url, token, hook) as is_hooked,
    ):
        ways = {"stream_ms": by_stream} | ({"webhook_ms": by_webhook} if is_hooked else {})
        times = [_one(database, ticket, list(ways.values())) for ticket in _tickets(database, samples)]
    figures = {way: _figures([each[place] for each in times]) for place, way in enumerate(ways)}
    return {"samples": samples, "stream_ms": None, "webhook_ms": None} | figures


@contextmanager
def _hooked(url: str, token: str, hook: str) -> Iterator[bool]:
    """Meanwhile there is a webhook; False where the API does not allow it."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=20, trust_env=False) as api:
        question = {"query": QUERY, "sources": ["helpdesk"], "min_relevance": 0}
        reply = api.post("/v1/webhooks", json={"url": hook, "question": question})
        if reply.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            yield False
            return
        made = reply.raise_for_status().json()["id"]
        try:
            yield True
        finally:
            api.delete(f"/v1/webhooks/{made}").raise_for_status()


def _tickets(database: psycopg.Connection[Any], samples: int) -> list[tuple[int, str]]:
    """One ticket, and what it says in each sample."""
    found = database.execute(
        """INSERT INTO helpdesk.tickets (tenant_id, team_id, owner_email, subject, body, region)
           VALUES ('acme', 11, NULL, 'Measurement', 'A measurement begins.', 'north') RETURNING id"""
    ).fetchone()
    assert found is not None
    began = time.time_ns()
    return [(int(found[0]), f"Measurement {began} is at step {number}.") for number in range(samples)]


def _one(database: psycopg.Connection[Any], ticket: tuple[int, str], ways: Sequence[Arrived]) -> list[float]:
    """Milliseconds from commit, by each way."""
    number, text = ticket
    database.execute("UPDATE helpdesk.tickets SET body = %s, updated_at = now() WHERE id = %s", [text, number])
    committed = time.time()
    deadline = time.monotonic() + LONGEST_S
    while None in (arrived := [way.at(text) for way in ways]):
        assert time.monotonic() < deadline, f"{text}: not told within {LONGEST_S:g} s"
        time.sleep(PAUSE_S)
    return [(at - committed) * 1000 for at in arrived if at is not None]


def _figures(times: list[float]) -> dict[str, float]:
    found = {"p50": percentile(times, 0.5), "p99": percentile(times, 0.99), "most": max(times)}
    return {name: round(ms, 1) for name, ms in found.items()}
