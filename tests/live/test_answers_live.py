"""The API as it runs: who is let in, who is not, and that it is well."""

import time

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.load import load
from query.ask import ask, freshness, resolve_person
from query.tokens import load_signing_key, mint
from schemas.answer import Question
from schemas.errors import InvalidQuestion
from schemas.settings import Settings

pytestmark = pytest.mark.live


@pytest.fixture
def url(settings: Settings) -> str:
    return f"http://{settings.api_host}:{settings.api_port}"


def token(settings: Settings, **changed) -> str:
    """Alice's token, valid for a minute, but for what is changed."""
    how = {
        "private_key": load_signing_key(settings.home / "keys"),
        "principal": resolve_person("alice", settings.home),
        "audience": settings.audience,
        "lifetime_s": 60,
        "now": time.time(),
    }
    return mint(**{**how, **changed})


def test_the_api_is_alive_and_ready(url: str) -> None:
    assert httpx.get(f"{url}/healthz", timeout=10).json() == {"status": "alive"}
    assert httpx.get(f"{url}/readyz", timeout=10).json() == {"status": "ready"}


def test_a_token_opens_the_door_and_every_source_is_fresh(settings: Settings, url: str) -> None:
    answer = ask(url, token(settings), Question(query="The printer does not work", limit=3))
    sources = {contract.source for contract in load(settings.sources)}
    assert {status.source for status in answer.sources} == sources
    assert {(s.source, s.state) for s in freshness(url, token(settings))} == {(s, "fresh") for s in sources}
    assert answer.hits
    assert all(hit.why[0] == "user:" + resolve_person("alice", settings.home).subject for hit in answer.hits)
    assert [hit.score for hit in answer.hits] == sorted((hit.score for hit in answer.hits), reverse=True)
    assert answer.exact


def test_any_other_token_gets_the_same_401_without_a_hint(settings: Settings, url: str) -> None:
    tokens = {
        "expired": token(settings, now=time.time() - 61),
        "not yet valid": token(settings, now=time.time() + 60),
        "forged": token(settings, private_key=Ed25519PrivateKey.generate()),
        "for another audience": token(settings, audience="billing"),
        "cut": token(settings)[:-4],
        "nonsense": "nonsense",
    }
    headers = [{}, *({"Authorization": f"Bearer {t}"} for t in tokens.values())]
    replies = [httpx.post(f"{url}/v1/search", json={"query": "x"}, headers=h, timeout=10) for h in headers]
    assert {reply.status_code for reply in replies} == {401}
    assert {reply.headers["content-type"] for reply in replies} == {"application/problem+json"}
    assert {reply.json()["code"] for reply in replies} == {"unauthenticated"}
    assert len({reply.content for reply in replies}) == 1


def test_a_source_nobody_configured_is_refused_naming_the_known_ones(settings: Settings, url: str) -> None:
    with pytest.raises(InvalidQuestion, match="known sources: "):
        ask(url, token(settings), Question(query="printer", sources=["jira"]))
