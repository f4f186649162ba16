"""How much work the checks of a token may be: counted before they run, because nothing stops them once they do.

A check tries every combination of the facts that its predicates name. The library looks at its clock between checks,
not within one, so a few lines of Datalog could take minutes. Rules and closures multiply work out of sight: a token
with either is refused, like anything else that is neither a fact nor a check. So is `reject if`: it passes where
nothing is known, so it could not fail closed.
"""

import re
from collections import Counter
from collections.abc import Sequence
from math import prod

MOST_WORK = 20_000
"""Combinations of facts, over all checks; one takes about a microsecond."""
REQUEST = ("time", "audience", "operation", "source", "rows")
"""The facts that we supply, once each. Ceilings are one for each attribute."""
_TEXT = re.compile(r'"[^"]*"')
_FACT = re.compile(r"([A-Za-z_][A-Za-z0-9_:]*)\([^()]*\);")


def require_bounded(blocks: Sequence[str], ceilings: int) -> None:
    """Raises ValueError for blocks, as printed, whose checks might take long. All their texts must be plain."""
    lines = [_TEXT.sub('""', line) for block in blocks for line in block.split("\n") if line]
    checks = [line for line in lines if line.startswith("check ")]
    facts = Counter(REQUEST)
    facts["ceiling"] = ceilings
    for line in lines:
        if not line.startswith("check "):
            fact = _FACT.fullmatch(line)
            if fact is None:
                raise ValueError("it has a line that is neither a fact nor a check")
            facts[fact[1]] += 1
    # A predicate named like the beginning of a check could hide from the counting of facts.
    if any("->" in line or "<-" in line or line.count("check ") != 1 for line in checks):
        raise ValueError("it has a check that cannot be counted")
    if sum(_combinations(line, facts) for line in checks) > MOST_WORK:
        raise ValueError("its checks combine too many facts")


def _combinations(check: str, facts: Counter[str]) -> int:
    """At most so many: a name that only ends like a fact's is counted too."""
    return prod(max(1, count) ** check.count(f"{name}(") for name, count in facts.items())
