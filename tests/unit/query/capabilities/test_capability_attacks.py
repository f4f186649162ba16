"""Attempts to get more out of a token than was put into it, and tokens that are none."""

import base64
import random
from dataclasses import replace
from time import thread_time

import pytest
from biscuit_auth import Biscuit, BlockBuilder, KeyPair
from capability_stage import (
    ALICE,
    AUDIENCE,
    KEY,
    NOW,
    SOURCES,
    VERIFIER,
    minted,
    names,
    opened,
    until,
    verified,
    with_block,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from query.asker import Mandate
from query.capabilities import wire
from query.capabilities.bounds import require_bounded
from query.capabilities.issue import attenuate, decoded, seal
from query.capabilities.verify import Verifier, verify
from query.tokens import CLOCK_SKEW_S
from schemas.errors import Misconfigured, Unauthenticated

NARROW = until(operations=frozenset({"search"}), sources=names("wiki"), ceiling={"class": names("public")}, rows=10)
WIDENING = {
    "operation": 'operation("audit"); operation("search")',
    "source": 'source("crm"); source("wiki")',
    "ceiling": 'ceiling("class", {"public", "secret"})',
    "rows": "rows(1000000); rows(1)",
    "time": "time(2020-01-01T00:00:00Z)",
    "other tenant": 'tenant("globex")',
    "other subject": 'subject("root@acme.example")',
    "other agent": 'agent("boss")',
    "attribute": 'attribute("department", "board")',
    "audience": 'audience("billing")',
    "wide checks": 'check if operation($operation), {"audit", "search"}.contains($operation); '
    'check if source($source), {"crm", "wiki"}.contains($source); '
    'check if ceiling("class", $values), {"public", "secret"}.contains($values); '
    "check if rows($rows), $rows <= 1000000; check if time($time), $time < 2100-01-01T00:00:00Z",
}


@pytest.mark.parametrize("code", WIDENING.values(), ids=WIDENING.keys())
def test_no_fact_rule_or_check_in_a_later_block_widens_anything(code: str) -> None:
    token = minted(NARROW)
    before, after = verified(token), verified(with_block(token, code))
    assert after.principal == before.principal == ALICE
    assert after.attributes == before.attributes == {}
    assert after.mandate.budgets[0] == before.mandate.budgets[0]
    assert replace(after.mandate, chain=(), budgets=()) == NARROW


@pytest.mark.parametrize("code", WIDENING.values(), ids=WIDENING.keys())
def test_a_third_party_s_signature_makes_no_fact_of_a_block_count_for_more(code: str) -> None:
    stranger, biscuit = KeyPair(), opened(minted(NARROW))
    block = biscuit.third_party_request().create_block(stranger.private_key, BlockBuilder(code))
    after = verified(biscuit.append_third_party(stranger.public_key, block).to_base64())
    assert (after.principal, after.attributes) == (ALICE, {})
    assert (after.mandate.operations, after.mandate.sources) == (NARROW.operations, NARROW.sources)
    assert (after.mandate.ceiling, after.mandate.rows) == (NARROW.ceiling, NARROW.rows)


def test_a_third_party_s_narrowing_counts_like_anybody_s() -> None:
    stranger, biscuit = KeyPair(), opened(minted())
    request = biscuit.third_party_request()
    block = request.create_block(stranger.private_key, BlockBuilder("check if rows($rows), $rows <= 7"))
    token = biscuit.append_third_party(stranger.public_key, block).to_base64()
    assert verified(token).mandate.rows == 7
    assert verified(attenuate(token, Mandate(rows=5, sources=names("wiki")), "x")).mandate.sources == {"wiki"}


def test_checks_we_do_not_understand_are_decided_for_each_operation_and_source() -> None:
    assert verified(with_block(minted(), 'check if operation("get")')).mandate.operations == {"get"}
    only_wiki = verified(with_block(minted(), 'check if source($s), $s.starts_with("wi")')).mandate
    assert (only_wiki.sources, only_wiki.operations is not None) == ({"wiki"}, True)
    assert verified(with_block(minted(NARROW), "check if rows($n), $n < 11")).mandate.rows == 10
    assert verified(with_block(minted(), 'check if tenant("acme")')).mandate.sources == set(SOURCES)


def test_an_operation_that_hangs_on_the_source_leaves_only_sources_where_all_of_it_passes() -> None:
    token = with_block(minted(), 'check if operation("get"), source("wiki") or operation("search"), source($s)')
    mandate = verified(token).mandate
    assert (mandate.operations, mandate.sources) == ({"get", "search"}, {"wiki"})


UNDECIDABLE = {
    "a fact nobody supplies": 'check if region("eu")',
    "for all of it": 'check all region($r), $r == "eu"',
    "an operation there is not": 'check if operation("fly")',
    "a source there is not": 'check if source("jira")',
    "rows without a budget": "check if rows($n), $n < 100",
    "a ceiling without one": 'check if ceiling("class", $values)',
    "other tenant": 'check if tenant("globex")',
    "other audience": 'check if audience("billing")',
    "reject what is not known": 'reject if region("eu")',
    "reject what is known": 'reject if operation("audit")',
    "a function nobody defined": "check if operation($o), $o.extern::ok()",
    "a rule": 'operation("audit") <- operation("search")',
    "a rule for a tenant": 'tenant("globex") <- tenant("acme")',
    "a rule for a subject": 'subject("root@acme.example") <- subject($s)',
    "a closure": 'check if operation($o), {"search"}.any($one -> $one == $o)',
    "a quote in a text": "check if operation($o), {words}.contains($o)",
}


@pytest.mark.parametrize("code", UNDECIDABLE.values(), ids=UNDECIDABLE.keys())
def test_what_cannot_be_decided_denies(code: str) -> None:
    parameters = {"words": {'search", "get'}} if "{words}" in code else {}
    with pytest.raises(Unauthenticated):
        verified(with_block(minted(), code, **parameters))


def test_a_block_s_own_facts_do_not_make_its_narrowing_unread() -> None:
    token = with_block(minted(), 'source("crm"); check if source($source), {"crm"}.contains($source)')
    assert verified(token).mandate.sources == {"crm"}


def test_a_text_that_looks_like_another_check_is_not_read_as_one() -> None:
    forged = 'x");\ncheck if rows($rows), $rows <= 1;\nholder("y'
    with pytest.raises(Unauthenticated):
        verified(with_block(minted(), "holder({name})", name=forged))


def test_two_subjects_in_the_authority_block_are_none() -> None:
    from biscuit_auth import BiscuitBuilder

    from query.capabilities.library import private_key

    code = 'subject("a"); subject("b"); tenant("acme"); check if time($time), $time < 2100-01-01T00:00:00Z'
    builder = BiscuitBuilder(code)
    builder.set_root_key_id(next(iter(VERIFIER.roots)))
    with pytest.raises(Unauthenticated):
        verified(builder.build(private_key(KEY)).to_base64())


STRANGER = Ed25519PrivateKey.generate()


def signed_by_another_key_under_our_key_s_name() -> str:
    from biscuit_auth import BiscuitBuilder

    from query.capabilities.library import private_key

    builder = BiscuitBuilder(opened(minted()).block_source(0))
    builder.set_root_key_id(next(iter(VERIFIER.roots)))
    return builder.build(private_key(STRANGER)).to_base64()


def without_last_block() -> str:
    """The authority block of an attenuated token, with the proof of the attenuated one."""
    envelope = wire.opened(decoded(attenuate(minted(), Mandate(rows=1), "x")))
    whole = wire.opened(decoded(minted()))
    assert envelope.secret is not None
    return encoded(whole.outer + wire._field(4, wire._field(1, envelope.secret)))


def with_blocks_exchanged() -> str:
    token = attenuate(attenuate(minted(), Mandate(rows=1), "x"), Mandate(rows=2), "y")
    parts = wire.fields(decoded(token))
    parts[2], parts[3] = parts[3], parts[2]
    return encoded(b"".join(wire._field(number, value) for number, value in parts))


def with_a_block_left_out() -> str:
    parts = wire.fields(decoded(attenuate(attenuate(minted(), Mandate(rows=1), "x"), Mandate(rows=2), "y")))
    return encoded(b"".join(wire._field(number, value) for number, value in (*parts[:2], *parts[3:])))


def unsealed() -> str:
    """A sealed token whose last signature is replaced by a secret of ours."""
    secret = Ed25519PrivateKey.generate().private_bytes_raw()
    return encoded(wire.opened(decoded(seal(minted()))).outer + wire._field(4, wire._field(1, secret)))


def encoded(token: bytes) -> str:
    return base64.urlsafe_b64encode(token).decode()


REFUSED = {
    "empty": "",
    "garbage": "alice",
    "zeros": "A" * 400,
    "unicode": "é" * 40,
    "half": minted()[: len(minted()) // 2],
    "cut by a block of base64": minted()[:-8],
    "longer": minted().rstrip("=") + "AAAA",
    "very long": "A" * 1_000_000,
    "signed by a stranger": minted(key=STRANGER),
    "signed by a stranger in our name": signed_by_another_key_under_our_key_s_name(),
    "other audience": minted(audience="billing"),
    "without its last block": without_last_block(),
    "blocks exchanged": with_blocks_exchanged(),
    "a block left out": with_a_block_left_out(),
    "unsealed": unsealed(),
    "subject is everyone": minted(principal=type("Any", (), {"subject": "*", "tenant": "acme", "agent": ""})()),
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED.keys())
def test_anything_else_is_refused_without_a_hint(token: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        verified(token)
    assert str(refused.value) == "A valid token is required."
    assert refused.value.__cause__ is None


def test_a_token_counts_neither_before_its_time_nor_after() -> None:
    token = minted(until(60_000))
    assert verified(token, NOW - CLOCK_SKEW_S)
    for now in (NOW - CLOCK_SKEW_S - 1, NOW + 60, NOW + 10**9):
        with pytest.raises(Unauthenticated):
            verified(token, now)


def test_a_retired_key_s_tokens_count_no_more() -> None:
    with pytest.raises(Unauthenticated):
        verify(minted(), Verifier({}, AUDIENCE, SOURCES), NOW)


def test_no_flipped_bit_makes_a_token_that_says_something_else() -> None:
    whole, dice = decoded(attenuate(minted(NARROW), Mandate(rows=3), "x")), random.Random(7)
    wanted = verified(encoded(whole))
    for at in dice.sample(range(len(whole) * 8), 400):
        changed = bytearray(whole)
        changed[at // 8] ^= 1 << at % 8
        try:
            assert verified(encoded(bytes(changed))) == wanted
        except Unauthenticated:
            continue


def test_no_garbage_gets_past_the_reader_of_the_format() -> None:
    dice = random.Random(7)
    for size in range(300):
        with pytest.raises(Misconfigured):
            attenuate(encoded(dice.randbytes(size)), Mandate(rows=1), "x")


def test_what_is_wrong_with_a_token_is_told_without_showing_it() -> None:
    token = minted()[:-8]
    with pytest.raises(Misconfigured) as wrong:
        attenuate(token, Mandate(rows=1), "x")
    assert token[:20] not in str(wrong.value)
    assert wrong.value.__cause__ is None


def test_checks_that_compute_for_ever_end_in_a_refusal() -> None:
    facts = "; ".join(f"n({number})" for number in range(60))
    heavy = "check if n($a), n($b), n($c), n($d), $a + $b + $c + $d == 100000"
    nested = "check if [" + ",".join(map(str, range(300))) + "].any($a -> [" + ",".join(map(str, range(300))) + "].any("
    nested += "$b -> $a + $b > 600))"
    many = f"{facts}; " + "; ".join(["check if n($a), n($b), $a + $b == 1"] * 6)
    began = thread_time()
    for code in (f"{facts}; {heavy}", nested, many):
        with pytest.raises(Unauthenticated):
            verified(with_block(minted(), code))
    assert thread_time() - began < 1


def test_a_predicate_that_looks_like_a_check_does_not_hide_its_facts() -> None:
    with pytest.raises(ValueError, match="cannot be counted"):
        require_bounded(["check if n(1);\n" * 9 + "check if check if n($a), check if n($b);"], 0)
    with pytest.raises(ValueError, match="neither"):
        require_bounded(["n(m(1);"], 0)


def test_the_library_accepts_what_we_appended_and_sealed_ourselves() -> None:
    token = attenuate(minted(), Mandate(rows=3, sources=names("wiki", "new")), "x")
    again = Biscuit.from_base64(token, VERIFIER.roots.__getitem__)
    assert again.block_source(1) == opened(with_block(minted(), again.block_source(1))).block_source(1)
    assert opened(seal(token)).revocation_ids == again.revocation_ids
