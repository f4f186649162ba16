"""Nobody gets past the door without a token of ours, nor further with one than it says. Paths: test_path_attacks.py.

Elsewhere: every way a JWT, a capability or a provider's token can be wrong, at its verifier (test_tokens.py,
test_capability_attacks.py, test_oidc.py, test_jwks.py: algorithm confusion, embedded keys, garbage, flipped bits,
widening blocks, retired keys), two Authorization headers and a wrong audience at the door (test_api.py).
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from biscuit_auth import Biscuit, BlockBuilder
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from query.asker import Mandate
from query.capabilities.issue import Charter, attenuate
from query.capabilities.issue import mint as mint_capability
from query.capabilities.keys import roots
from query.principal import Principal
from query.tokens import load_public_keys, load_signing_key, mint
from schemas.label import Label

ALICE = Principal("alice@acme.example", "acme")
BOB = Principal("bob@acme.example", "acme")
ASKED = {"query": "printer on fire"}
PATHS = ("/v1/search", "/v1/explain", "/v1/freshness", "/v1/decisions", f"/v1/decisions/{'0' * 32}")


def encoded(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def public_pem(attacked: Any) -> bytes:
    return next(attacked.keys.glob("*.pub.pem")).read_bytes()


def hmac_of(attacked: Any, secret: bytes) -> str:
    """Signed with what everybody may know, taken for a shared secret."""
    head, claims, _ = attacked.jwt(ALICE).split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "==")) | {"alg": "HS256"}
    signed = f"{encoded(header)}.{claims}"
    return f"{signed}.{encoded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def with_header(attacked: Any, **changed: Any) -> str:
    """The claims of a good token under another header, signed by a key of the forger's own."""
    claims = jwt.decode(attacked.jwt(ALICE), options={"verify_signature": False})
    kid = jwt.get_unverified_header(attacked.jwt(ALICE))["kid"]
    return jwt.encode(claims, FORGER, "EdDSA", headers={"kid": kid} | changed)


def swapped(attacked: Any) -> str:
    """Bob's claims with the signature of Alice's."""
    head, _, signature = attacked.jwt(ALICE).split(".")
    return f"{head}.{attacked.jwt(BOB).split('.')[1]}.{signature}"


def capability_by(key: Ed25519PrivateKey, attacked: Any) -> str:
    now_ms = attacked.company.now.wall_ms
    charter = Charter(ALICE, "freshline", Mandate(expires_ms=now_ms + 9_000_000), {})
    return mint_capability(key, charter, now_ms / 1000)


FORGER = Ed25519PrivateKey.generate()
FORGED: dict[str, Callable[[Any], str]] = {
    "no signature": lambda a: f"{encoded({'alg': 'none'})}.{a.jwt(ALICE).split('.')[1]}.",
    "none, in other letters": lambda a: with_header(a).replace(with_header(a).split(".")[0], encoded({"alg": "nOnE"})),
    "the public key as a shared secret": lambda a: hmac_of(a, public_pem(a)),
    "an empty shared secret": lambda a: hmac_of(a, b""),
    "another key under our key's name": with_header,
    "a key that the token brings along": lambda a: with_header(
        a, jwk=json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(FORGER.public_key()))
    ),
    "a key at an address that the token names": lambda a: with_header(a, jku="http://evil.example/keys"),
    "a key's name that is a path": lambda a: with_header(a, kid="../../../etc/passwd"),
    "a key's name that is a query": lambda a: with_header(a, kid="' UNION SELECT 'x"),
    "critical headers nobody knows": lambda a: with_header(a, crit=["exp"]),
    "another's signature": swapped,
    "an expired one": lambda a: a.jwt(ALICE, lifetime_s=-1),
    "a capability by another key": lambda a: capability_by(FORGER, a),
    "a capability cut short": lambda a: a.capability(ALICE)[:-8],
    "a JWT and a capability in one": lambda a: f"{a.jwt(ALICE)}{a.capability(ALICE)}",
    "nothing but dots": lambda a: "..",
    "sixty thousand dots": lambda a: "." * 60_000,
    "a very long one": lambda a: a.jwt(ALICE) + "A" * 100_000,
    "two tokens in a line": lambda a: f"{a.jwt(ALICE)} {a.jwt(ALICE)}",
    "a list of tokens": lambda a: f"{a.jwt(ALICE)},{a.jwt(ALICE)}",
    "with a null byte": lambda a: a.jwt(ALICE) + "\0",
    "letters that are none of ASCII": lambda a: a.jwt(ALICE) + "é",
}


@pytest.mark.parametrize("forged", FORGED)
async def test_a_forged_token_is_answered_like_none_at_all(attacked: Any, forged: str) -> None:
    client, token = attacked.client(), FORGED[forged](attacked)
    none = await client.post("/v1/search", json=ASKED)
    reply = await client.post(
        "/v1/search", json=ASKED, headers=[(b"Authorization", f"Bearer {token}".encode("latin-1"))]
    )
    assert (reply.status_code, reply.headers, reply.content) == (401, none.headers, none.content)
    assert attacked.calls == {}, "nothing was looked up for it"


@pytest.mark.parametrize(
    "sent",
    [
        {"params": {"access_token": "…"}},
        {"params": {"token": "…"}},
        {"params": {"authorization": "Bearer …"}},
        {"cookies": {"Authorization": "Bearer …"}},
        {"cookies": {"access_token": "…"}},
        {"headers": {"X-Authorization": "Bearer …"}},
        {"headers": {"X-Forwarded-Authorization": "Bearer …"}},
        {"headers": {"Proxy-Authorization": "Bearer …"}},
        {"headers": {"X-Api-Key": "…"}},
        {"headers": {"Authorization": "Basic …"}},
        {"headers": {"Authorization": "…"}},
        {"headers": {"Authorization": "Bearer"}},
        {"headers": {"Authorization_": "Bearer …"}},
        {"json": {**ASKED, "access_token": "…"}},
    ],
    ids=str,
)
async def test_a_good_token_anywhere_but_in_its_header_is_none(attacked: Any, sent: dict[str, Any]) -> None:
    filled = json.loads(json.dumps(sent).replace("\\u2026", attacked.jwt(ALICE)))
    client = attacked.client()
    client.cookies.update(filled.pop("cookies", {}))
    reply = await client.post("/v1/search", **{"json": ASKED, **filled})
    assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")


async def test_no_header_makes_the_asker_somebody_else_or_its_address_another(attacked: Any) -> None:
    headers = {
        "X-Forwarded-User": BOB.subject,
        "X-Remote-User": BOB.subject,
        "X-Tenant": "rival",
        "X-Forwarded-For": "10.0.0.1",
        "X-Real-IP": "10.0.0.1",
        "Forwarded": "for=10.0.0.1",
        "X-Original-URL": "/healthz",
        "X-Rewrite-URL": "/healthz",
        "X-HTTP-Method-Override": "GET",
    }
    reply = await attacked.client(attacked.jwt(ALICE)).post("/v1/search", json=ASKED, headers=headers)
    assert [hit["record_id"] for hit in reply.json()["hits"]] == ["helpdesk/tickets/1"]
    record = json.loads(attacked.company.decisions.read(0, 1)[0].payload.body)
    assert (record["who"]["subject"], record["who"]["tenant"]) == (ALICE.subject, "acme")
    assert record["address"] == "192.0.2.7"


def tokens(attacked: Any) -> dict[str, str]:
    planner = attacked.capability(ALICE)
    return {
        "JWT": attacked.jwt(ALICE),
        "capability": planner,
        "attenuated": attenuate(planner, Mandate(sources=frozenset({"helpdesk"})), "x"),
    }


@pytest.mark.parametrize("kind", ["JWT", "capability", "attenuated"])
async def test_a_token_played_again_after_its_revocation_gets_nothing_on_any_path(attacked: Any, kind: str) -> None:
    token = tokens(attacked)[kind]
    client = attacked.client(token)
    given = await client.post("/v1/search", json=ASKED)
    assert [hit["record_id"] for hit in given.json()["hits"]] == ["helpdesk/tickets/1"]
    attacked.revoke(token)
    for path in (*PATHS, f"/v1/decisions/{given.json()['id']}"):
        for method in ("GET", "POST"):
            assert (await client.request(method, path, json=ASKED)).status_code == 401
    assert (await attacked.client(attacked.jwt(ALICE)).post("/v1/search", json=ASKED)).status_code == 200


WIDENING = {
    "another subject": 'subject("bob@acme.example")',
    "another tenant": 'tenant("rival")',
    "another agent": 'agent("auditor")',
    "an attribute": 'attribute("clearance", "secret")',
    "more sources": 'source("helpdesk"); check if source($s), ["wiki", "helpdesk"].contains($s)',
    "more rows": "check if rows($n), $n <= 1000000",
    "more operations": 'operation("audit"); check if operation($o), ["audit", "search", "decide"].contains($o)',
    "a later end": "check if time($t), $t < 2999-01-01T00:00:00Z",
}


@pytest.mark.parametrize("widened", WIDENING)
async def test_a_token_that_was_narrowed_is_never_wider_for_what_its_holder_adds(attacked: Any, widened: str) -> None:
    """Only search, of wiki, what is public, two rows at most: nothing that is added to it shows anything else."""
    labels = {
        name: Label(tenant=tenant, readers=(f"user:{reader}@acme.example",), attributes={"class": kind})
        for name, tenant, reader, kind in (
            ("1", "acme", "alice", "public"),
            ("2", "acme", "alice", "public"),
            ("3", "acme", "alice", "public"),
            ("secret", "acme", "alice", "secret"),
            ("bobs", "acme", "bob", "public"),
            ("rivals", "rival", "alice", "public"),
        )
    }
    for name, label in labels.items():
        attacked.company.put(f"wiki/pages/{name}", "printer on fire", label)
    narrow = Mandate(frozenset({"search"}), frozenset({"wiki"}), {"class": frozenset({"public"})}, rows=2)
    less = attenuate(attacked.capability(ALICE), narrow, "specialist")
    keys = roots(load_public_keys(attacked.keys))
    wider = Biscuit.from_base64(less, keys.__getitem__).append(BlockBuilder(WIDENING[widened])).to_base64()
    client, shown = attacked.client(wider), []
    for _ in range(3):
        shown += [hit["record_id"] for hit in (await client.post("/v1/search", json=ASKED)).json().get("hits", [])]
    assert set(shown) <= {"wiki/pages/1", "wiki/pages/2", "wiki/pages/3"}
    assert len(shown) <= 2
    for method, path in (("POST", "/v1/explain"), ("GET", "/v1/freshness"), ("GET", f"/v1/decisions/{'0' * 32}")):
        reply = await client.request(method, path, json={"record_id": "wiki/pages/1"})
        assert reply.status_code in (401, 403)


async def test_a_token_for_somebody_who_is_everybody_is_none(attacked: Any) -> None:
    """A subject that labels or relations could mean a group by. Only a key of ours could sign it."""

    class Whoever:
        agent, tenant = "", "acme"

        def __init__(self, subject: str) -> None:
            self.subject = subject

    key, now = load_signing_key(attacked.keys), attacked.company.now.wall_ms / 1000
    for subject in ("*", "team:7#member", ""):
        token = mint(key, Whoever(subject), "freshline", 60, now)  # type: ignore[arg-type]
        assert (await attacked.client(token).post("/v1/search", json=ASKED)).status_code == 401


async def test_who_was_handed_a_token_does_not_read_what_those_before_it_did(attacked: Any) -> None:
    """Their records name what was found beyond what it may see; those before it read what it did."""
    whole = attacked.capability(ALICE)
    less = attenuate(whole, Mandate(sources=frozenset({"wiki"})), "specialist")
    planner, specialist = attacked.client(whole), attacked.client(less)
    theirs = (await planner.post("/v1/search", json=ASKED)).json()["id"]
    own = (await specialist.post("/v1/search", json=ASKED)).json()["id"]
    assert (await specialist.get(f"/v1/decisions/{own}")).status_code == 200
    assert (await planner.get(f"/v1/decisions/{own}")).status_code == 200
    foreign, absent = [await specialist.get(f"/v1/decisions/{name}") for name in (theirs, "0" * 32)]
    assert (foreign.status_code, foreign.content) == (absent.status_code, absent.content)
    assert foreign.status_code == 404
