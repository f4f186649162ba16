"""The words of our tokens: which facts and checks a block may hold that Freshline reads, not only enforces.

In any block, each check on a line of its own, as the library prints them:

    check if operation($operation), {"search"}.contains($operation);      operations: at most these
    check if source($source), {"wiki"}.contains($source);                 sources: at most these
    check if ceiling("class", $values), {"public"}.contains($values);     a record's attribute: at most these values
    check if rows($rows), $rows <= 100;                                   all answers together: at most so many records
    check if time($time), $time < 2026-11-23T10:00:00Z;                   before this moment (UTC)
    check if time($time), $time >= 2026-11-23T09:00:00Z;                  not before it
    check if audience("freshline");                                       only for this audience
    holder("researcher");                                                 who appended the block, by its own word

In the authority block, signed by the issuer, alone: subject("…"), tenant("…"), agent("…"), attribute("name", "value").
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from biscuit_auth import BiscuitBuilder, BlockBuilder, Check, Fact

from query.asker import Mandate, Operation
from schemas.errors import Misconfigured

OPERATIONS: frozenset[Operation] = frozenset(get_args(Operation))
LONGEST = 256
"""Characters of a text in a token, at most."""
_STRUCTURE = frozenset('"\\${};')
_SET = r'(\{,\}|\{"[^"]*"(?:, "[^"]*")*\})'
_CONTAINS = rf"{_SET}\.contains"
_MOMENT = r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
_OPERATION = re.compile(rf"check if operation\(\$operation\), {_CONTAINS}\(\$operation\);")
_SOURCE = re.compile(rf"check if source\(\$source\), {_CONTAINS}\(\$source\);")
_CEILING = re.compile(rf'check if ceiling\("([^"]*)", \$values\), {_CONTAINS}\(\$values\);')
_ROWS = re.compile(r"check if rows\(\$rows\), \$rows <= (\d{1,18});")
_BEFORE = re.compile(rf"check if time\(\$time\), \$time <=? {_MOMENT};")
_NOT_BEFORE = re.compile(rf"check if time\(\$time\), \$time >= {_MOMENT};")
_AUDIENCE = re.compile(r'check if audience\("[^"]*"\);')
_HOLDER = re.compile(r'holder\("([^"]*)"\);')


@dataclass(frozen=True, slots=True)
class Block:
    """What we understand of a block. `foreign`: it has checks besides, which only the authorizer understands."""

    narrowing: Mandate
    holder: str
    foreign: bool


def plain(texts: Iterable[str]) -> bool:
    """Whether printed Datalog with these texts in it can be read in one way only: the printer escapes nothing."""
    return all(len(text) <= LONGEST and text.isprintable() and not _STRUCTURE & set(text) for text in texts)


def read_block(source: str) -> Block:
    """Understand a block from its printed form, all of whose texts are `plain`.

    What is misread here can only narrow: the authorizer still runs every check.
    """
    narrowing, holder, foreign = Mandate(), "", False
    for line in source.split("\n"):
        if named := _HOLDER.fullmatch(line):
            holder = named[1]
        elif line.startswith("check"):
            found = _narrowing(line)
            foreign |= found is None
            narrowing = narrowing.narrowed(found or Mandate())
    return Block(narrowing, holder, foreign)


def write_narrowing(block: BiscuitBuilder | BlockBuilder, narrowing: Mandate) -> None:
    """Add the checks that say `narrowing`. Raises Misconfigured for what would leave nothing, or cannot be written."""
    require_writable(narrowing)

    def check(code: str, **parameters: Any) -> None:
        block.add_check(Check(f"check if {code}", parameters))

    if narrowing.operations is not None:
        check("operation($operation), {names}.contains($operation)", names=set(narrowing.operations))
    if narrowing.sources is not None:
        check("source($source), {names}.contains($source)", names=set(narrowing.sources))
    for name, values in narrowing.ceiling.items():
        check("ceiling({name}, $values), {values}.contains($values)", name=name, values=set(values))
    if narrowing.rows is not None:
        check("rows($rows), $rows <= {rows}", rows=narrowing.rows)
    if narrowing.expires_ms is not None:
        check("time($time), $time < {end}", end=moment(narrowing.expires_ms // 1000))


def require_writable(narrowing: Mandate) -> None:
    """Raises Misconfigured naming what is wrong with a narrowing."""
    sets: list[tuple[str, frozenset[str] | None]] = [
        ("operations", None if narrowing.operations is None else frozenset(narrowing.operations)),
        ("sources", narrowing.sources),
        *((f"the ceiling of {name}", values) for name, values in narrowing.ceiling.items()),
    ]
    for what, names in sets:
        if names is not None and not names:
            raise Misconfigured(f"{what}: nothing would be left; name at least one")
        require_plain(what, names or ())
    require_plain("attributes of the ceiling", narrowing.ceiling)
    unknown = (narrowing.operations or frozenset()) - OPERATIONS
    if unknown:
        raise Misconfigured(f"unknown operations {', '.join(sorted(unknown))}; known: {', '.join(sorted(OPERATIONS))}")
    if narrowing.rows is not None and not 0 < narrowing.rows < 10**18:
        raise Misconfigured("rows: a budget is at least 1")


def require_plain(what: str, texts: Iterable[str]) -> None:
    """Raises Misconfigured for texts that cannot stand in a token."""
    if not all(text and plain([text]) for text in texts):
        raise Misconfigured(f'{what}: a text has 1 to {LONGEST} printable characters, none of them " \\ $ {{ }} or ;')


def facts(name: str, terms: Mapping[str, str]) -> list[Fact]:
    """`name("key", "value")` for each."""
    return [Fact(f"{name}({{key}}, {{value}})", {"key": key, "value": value}) for key, value in terms.items()]


def moment(seconds: int) -> datetime:
    """Seconds since 1970 as the library takes times. Raises Misconfigured beyond the year 9999."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise Misconfigured("a token cannot end so far in the future") from None


def _narrowing(line: str) -> Mandate | None:
    """What a check says in our words; None if it says something else."""
    if found := _OPERATION.fullmatch(line):
        return Mandate(operations=frozenset(name for name in OPERATIONS if name in _members(found[1])))
    if found := _SOURCE.fullmatch(line):
        return Mandate(sources=_members(found[1]))
    if found := _CEILING.fullmatch(line):
        return Mandate(ceiling={found[1]: _members(found[2])})
    if found := _ROWS.fullmatch(line):
        return Mandate(rows=int(found[1]))
    if found := _BEFORE.fullmatch(line):
        return Mandate(expires_ms=int(datetime.fromisoformat(found[1]).timestamp()) * 1000)
    return Mandate() if _NOT_BEFORE.fullmatch(line) or _AUDIENCE.fullmatch(line) else None


def _members(printed: str) -> frozenset[str]:
    return frozenset(re.findall(r'"([^"]*)"', printed))
