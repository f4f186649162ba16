"""From a capability token to an asker: its signatures, its checks, and what all its blocks together leave.

The blocks are trusted differently. Who is asked for stands in the authority block alone: facts of later blocks are seen
by their own checks and by nothing else. What is narrowed is read from every block, since reading more can only narrow.
Then the authorizer runs every check of every block on facts that only we supply; a check about anything else fails.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from time import thread_time

from biscuit_auth import (
    AuthorizationError,
    Authorizer,
    AuthorizerBuilder,
    Biscuit,
    BiscuitBlockError,
    BiscuitSerializationError,
    BiscuitValidationError,
    DataLogError,
    Fact,
    PublicKey,
    Rule,
)

from query.asker import Asker, Budget, Link, Mandate
from query.capabilities import wire
from query.capabilities.bounds import require_bounded
from query.capabilities.issue import MOST_BLOCKS, MOST_CHARACTERS
from query.capabilities.library import limit
from query.capabilities.vocabulary import OPERATIONS, moment, plain, read_block
from query.principal import Principal
from schemas.errors import Misconfigured, Unauthenticated

RUN_S = 0.5
"""What one run of the authorizer may take, waiting included; it needs a tenth of a millisecond."""
ALL_RUNS_S = 0.25
"""Computing time of all runs for one token together, as far as it has checks we do not understand."""
_WRONG = (
    AuthorizationError,
    BiscuitBlockError,
    BiscuitSerializationError,
    BiscuitValidationError,
    DataLogError,
    Misconfigured,
    ValueError,
    KeyError,
)


@dataclass(frozen=True, slots=True)
class Verifier:
    """What a token is checked against. `roots`: root key id -> key. `sources`: those that are configured."""

    roots: Mapping[int, PublicKey]
    audience: str
    sources: Collection[str]


def verify(token: str, verifier: Verifier, now: float) -> Asker:
    """Whom the token speaks for at `now` (seconds since 1970), and what it leaves. Revocation is not looked at.

    Raises Unauthenticated, never saying why.
    """
    try:
        if len(token) > MOST_CHARACTERS:
            raise ValueError("too long")
        biscuit = Biscuit.from_base64(token, verifier.roots.__getitem__)
        return _asker(biscuit, verifier, now)
    except _WRONG:
        raise Unauthenticated() from None


def _asker(biscuit: Biscuit, verifier: Verifier, now: float) -> Asker:
    mandate, foreign = _read(biscuit)
    bench = _Bench(biscuit, verifier.audience, mandate, now)
    if mandate.expires_ms is None or mandate.expires_ms <= now * 1000:
        raise ValueError("it must end, later than now")
    mandate, authorizer = _decided(bench, mandate, verifier.sources) if foreign else (mandate, bench.run_any())
    subject, tenant = _only(authorizer, "subject"), _only(authorizer, "tenant")
    principal = Principal(subject, tenant, _only(authorizer, "agent", needed=False))
    first, *others = mandate.chain
    named = replace(first, holder=principal.agent or principal.subject)
    return Asker(principal, replace(mandate, chain=(named, *others)), _attributes(authorizer))


def _read(biscuit: Biscuit) -> tuple[Mandate, bool]:
    """What all blocks leave by our vocabulary, and whether some block has checks beyond it."""
    count = biscuit.block_count()
    signed = wire.opened(bytes(biscuit.to_bytes())).blocks
    if count > MOST_BLOCKS or not all(plain(block.symbols) for block in signed):
        raise ValueError("too many hands, or texts that could be read in two ways")
    sources = [biscuit.block_source(number) for number in range(count)]
    blocks = [read_block(source) for source in sources]
    mandate = Mandate()
    for block, revocation_id in zip(blocks, biscuit.revocation_ids, strict=True):
        rows = block.narrowing.rows
        budgets = () if rows is None else (Budget(revocation_id, rows),)
        link = Link(block.holder, revocation_id)
        mandate = mandate.narrowed(replace(block.narrowing, chain=(link,), budgets=budgets))
    require_bounded(sources, ceilings=len(mandate.ceiling))
    return mandate, any(block.foreign for block in blocks)


@dataclass(frozen=True, slots=True)
class _Bench:
    """Runs the token's checks on our facts. Rows and ceiling are what we commit ourselves to keep."""

    biscuit: Biscuit
    audience: str
    mandate: Mandate
    now: float

    def run(self, operation: str, source: str | None) -> Authorizer:
        """Raises AuthorizationError unless every check passes."""
        builder = AuthorizerBuilder(
            "time({now}); audience({audience}); operation({operation}); allow if subject($s), tenant($t)",
            {"now": moment(int(self.now)), "audience": self.audience, "operation": operation},
        )
        if source is not None:
            builder.add_fact(Fact("source({source})", {"source": source}))
        if self.mandate.rows is not None:
            builder.add_fact(Fact("rows({rows})", {"rows": self.mandate.rows}))
        for name, values in self.mandate.ceiling.items():
            builder.add_fact(Fact("ceiling({name}, {values})", {"name": name, "values": set(values)}))
        limit(builder, RUN_S)
        authorizer = builder.build(self.biscuit)
        authorizer.authorize()
        return authorizer

    def run_any(self) -> Authorizer:
        """Of a token whose checks we understand: what passes for one operation and source passes for all it names."""
        operations = OPERATIONS if self.mandate.operations is None else self.mandate.operations
        sources = self.mandate.sources
        if not operations or (sources is not None and not sources):
            raise ValueError("nothing is left")
        return self.run(min(operations), None if sources is None else min(sources))


def _decided(bench: _Bench, mandate: Mandate, configured: Collection[str]) -> tuple[Mandate, Authorizer]:
    """Ask the authorizer for every operation on every source; leave those sources that pass whatever is done."""
    operations = sorted(OPERATIONS if mandate.operations is None else mandate.operations)
    sources = sorted(configured if mandate.sources is None else mandate.sources.intersection(configured))
    deadline = thread_time() + ALL_RUNS_S
    passed: dict[tuple[str, str], Authorizer] = {}
    for operation in operations:
        for source in sources:
            if thread_time() > deadline:
                raise ValueError("its checks take too long")
            try:
                passed[operation, source] = bench.run(operation, source)
            except AuthorizationError:
                continue
    left = frozenset(operation for operation in OPERATIONS if any(done == operation for done, _ in passed))
    everywhere = frozenset(source for source in sources if all((operation, source) in passed for operation in left))
    if not left or not everywhere:
        raise ValueError("nothing is left")
    return mandate.narrowed(Mandate(left, everywhere)), next(iter(passed.values()))


def _only(authorizer: Authorizer, name: str, *, needed: bool = True) -> str:
    """The one text of a fact in the authority block."""
    found = [fact.terms for fact in authorizer.query(Rule(f"found($value) <- {name}($value)"))]
    if not found and not needed:
        return ""
    ((value,),) = found
    if not isinstance(value, str):
        raise ValueError(f"{name} is not text")
    return value


def _attributes(authorizer: Authorizer) -> dict[str, str]:
    found = [tuple(fact.terms) for fact in authorizer.query(Rule("found($name, $value) <- attribute($name, $value)"))]
    attributes = dict(found)
    if len(attributes) != len(found) or not all(isinstance(text, str) for pair in found for text in pair):
        raise ValueError("an attribute twice, or not text")
    return attributes
