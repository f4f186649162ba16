"""Policies that passed every check: what is decided with, and by which version."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import cedarpy

from connectors.mistakes import Mistake
from query.policies.check import mistakes_of, paths
from query.policies.folder import Reading, Statement, read_folder
from query.policies.vocabulary import Vocabulary
from schemas.errors import Misconfigured


class PoliciesInvalid(Misconfigured):
    """The access policies are not usable as they are; every mistake is listed."""

    code = "policies_invalid"

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = sorted(set(mistakes))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


@dataclass(frozen=True)
class Policy:
    """One policy. `name` is its @id, else its file and line; `alone` is a set of nothing else."""

    name: str
    effect: str
    alone: cedarpy.PolicySet


@dataclass(frozen=True)
class Policies:
    """A checked set. `version` is the content hash (hexadecimal) of policies and schema; `all` decides.

    `by_id`: the id Cedar gives a policy of `all` -> the policy. `facts`: what they depend on, as paths.
    """

    version: str
    vocabulary: Vocabulary
    all: cedarpy.PolicySet
    by_id: dict[str, Policy]
    facts: frozenset[tuple[str, ...]]

    @property
    def speak_of_attributes(self) -> bool:
        """Whether any depends on a record's attributes; a label with one that nobody declared is then beyond them."""
        return any(path[:2] == ("resource", "attributes") for path in self.facts)


def load_policies(folder: Path, vocabulary: Vocabulary) -> Policies:
    """The folder's policies. Raises PoliciesInvalid with everything wrong in every file."""
    return build(folder, read_folder(folder), vocabulary)


def build(folder: Path, reading: Reading, vocabulary: Vocabulary) -> Policies:
    """Raises PoliciesInvalid with everything wrong."""
    statements = reading.statements
    mistakes = [*reading.mistakes, *(wrong for one in statements for wrong in mistakes_of(one, vocabulary))]
    if mistakes:
        raise PoliciesInvalid(mistakes)
    policies = [_policy(statement) for statement in statements]
    mistakes += _same_names(statements, policies)
    whole = cedarpy.PolicySet.from_str("\n".join(statement.text for statement in statements))
    if len(whole) != len(statements):
        mistakes.append(
            Mistake(folder, 0, "", "cannot be taken apart into its policies", "write each on its own lines")
        )
    if mistakes:
        raise PoliciesInvalid(mistakes)
    version = sha256(f"{reading.digest}\n{vocabulary.schema_text()}".encode()).hexdigest()
    facts = frozenset(path for one in whole.to_pst().static_policies.values() for path in paths(one.clauses))
    return Policies(version, vocabulary, whole, {f"policy{n}": one for n, one in enumerate(policies)}, facts)


def _policy(statement: Statement) -> Policy:
    alone = cedarpy.PolicySet.from_str(statement.text)
    (parsed,) = alone.to_pst().static_policies.values()
    name = parsed.annotations.get("id") or f"{statement.file.name}:{statement.line}"
    return Policy(name, parsed.effect, alone)


def _same_names(statements: Iterable[Statement], policies: Iterable[Policy]) -> Iterator[Mistake]:
    first: dict[str, Statement] = {}
    for statement, policy in zip(statements, policies, strict=True):
        earlier = first.setdefault(policy.name, statement)
        if earlier is not statement:
            what = f"@id {policy.name!r} is already taken at {earlier.file.name}:{earlier.line}"
            yield statement.mistake("", what, "give each policy its own")
