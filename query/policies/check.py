"""What is wrong with a policy, all of it, in words. What passes here can name only what exists."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import cedarpy
from cedarpy import pst

from connectors.mistakes import Mistake, did_you_mean
from query.policies.folder import Statement
from query.policies.vocabulary import GROUP, OF_RECORDS, OF_SERVICE, Vocabulary, Words

Path = tuple[str, ...]
"""A variable and the attributes after it: ("resource", "attributes", "region")."""

_ADVICE = {
    "on entity type `Service` not found": "write `resource is Record` in the policy's head",
    "unable to guarantee safety": "not everyone has it: test it before, as in `resource.attributes has x && …`",
    "unrecognized action": f"actions are {', '.join((*OF_RECORDS, *OF_SERVICE))}, and {GROUP} for the first three",
    "unrecognized entity type": "types are User, Record and Service",
    "applicable action": f"{', '.join(OF_RECORDS)} have a Record as resource, {', '.join(OF_SERVICE)} have the Service",
    "but saw String": "attributes and metadata are strings: compare them with strings",
    "and String are not compatible": "attributes and metadata are strings: compare them with strings",
    "failed to parse as": "correct this value",
}


def mistakes_of(statement: Statement, vocabulary: Vocabulary) -> Iterator[Mistake]:
    """Everything that keeps the statement from being one policy that can be decided."""
    try:
        policies = cedarpy.PolicySet.from_str(statement.text).to_pst()
    except ValueError as error:
        todo = "correct this policy; each ends with a semicolon"
        yield statement.mistake("", f"is no Cedar policy: {_short(str(error))}", todo)
        return
    if policies.templates or len(policies.static_policies) != 1:
        yield statement.mistake("", "has ?principal or ?resource, which nothing fills in", "name what it is for")
        return
    (policy,) = policies.static_policies.values()
    told = False
    for mistake in (*_unknown_words(statement, policy, vocabulary), *_entities(statement, policy)):
        told = True
        yield mistake
    for found in cedarpy.validate_policies(statement.text, vocabulary.schema).errors:
        what = _short(found.error.removeprefix(f"for policy `{found.policy_id}`, "))
        if not (told and "not found" in what):
            todo = next((todo for sign, todo in _ADVICE.items() if sign in what), "correct this policy")
            yield statement.mistake("", what, todo)


def paths(node: Any) -> Iterator[Path]:
    """Every fact that a policy reads or tests, each as its longest path from its variable on."""
    path = _path(node)
    if path:
        yield path
        return
    for inner in _inside(node):
        yield from paths(inner)


def _path(node: Any) -> Path:
    """Empty where the node does not begin with a variable."""
    match node:
        case pst.Var(name=name):
            return (name,)
        case pst.GetAttr(base=base, attr=attr):
            return (*before, attr) if (before := _path(base)) else ()
        case pst.HasAttr(base=base, attrs=attrs):
            return (*before, *attrs) if (before := _path(base)) else ()
    return ()


def _inside(node: Any) -> Iterator[Any]:
    if isinstance(node, Mapping):
        yield from node.values()
    elif isinstance(node, tuple):
        yield from node
    elif is_dataclass(node) and not isinstance(node, type):
        yield from (getattr(node, field.name) for field in fields(node))


def _unknown_words(statement: Statement, policy: pst.Template, vocabulary: Vocabulary) -> Iterator[Mistake]:
    """Cedar itself lets `has` test a name that cannot exist, and a rule so misspelt would never apply."""
    told: set[Path] = set()
    for path in paths(policy.clauses):
        known: Words = vocabulary.words
        for step, name in enumerate(path):
            if name not in known:
                place = ".".join(path[:step])
                if path[: step + 1] not in told:
                    told.add(path[: step + 1])
                    yield statement.mistake(name, f"{place} has no {name!r}", _closest(name, known, path[:step]))
                break
            known = known[name]


def _closest(name: str, known: Words, before: Path) -> str:
    if before == ("principal", "attributes"):
        otherwise = f"identities vouch for: {', '.join(sorted(known)) or 'nothing'}; configure what else they may"
    elif before[0] == "resource" and len(before) == 2:
        otherwise = f"the source contracts declare: {', '.join(sorted(known)) or 'none'}"
    else:
        otherwise = f"known are: {', '.join(sorted(known)) or 'none'}"
    return did_you_mean(name, known, otherwise)


def _entities(statement: Statement, policy: pst.Template) -> Iterator[Mistake]:
    """Who asks and what is asked for are told by attributes, so an id in a policy would never match anything."""
    named = {uid for uid in pst.entity_uids(policy) if str(uid.type) not in ("Action",)}
    for uid in sorted(named, key=str):
        wanted = "principal.subject" if str(uid.type) == "User" else "an attribute of resource"
        yield statement.mistake(uid.id, f"{uid} is nobody a policy can name", f"compare {wanted} with the text instead")


def _short(text: str) -> str:
    return " ".join(text.split())[:300]
