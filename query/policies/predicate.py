"""A residual condition as a Python function over what a label tells of its records. Same outcome as Cedar's own.

A label tells three facts, all strings: tenant, attributes, and beside it the source. Cedar orders (<, <=, >) no
strings, so what is left to decide of a label is equality, membership, patterns and logic. A part that needs the
record itself raises NeedsRecord when, and only when, evaluation reaches it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from query.policies.vocabulary import LABEL_FACTS

Json = Any
Value = str | bool | frozenset[str | bool] | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LabelFacts:
    tenant: str
    attributes: Mapping[str, str]
    source: str


Test = Callable[[LabelFacts], Value]


class NeedsRecord(Exception):
    """The outcome depends on more than the label."""


class CannotEvaluate(Exception):
    """Cedar would report an error here."""


class NotUnderstood(Exception):
    """A kind of condition that is not known here, found when it is compiled or (a set of sets) when it is evaluated."""


def compile_condition(expr: Json) -> Test:
    """Raises NotUnderstood where a part that needs no record is of a kind that is not known here."""
    try:
        return _compile(expr)
    except NotUnderstood:
        if mentions_record(expr):
            return _needs_record
        raise


def mentions_record(expr: Json) -> bool:
    """Whether a fact of the record beyond its label, or the record as a whole, stands anywhere in it."""
    if _is_resource(expr):
        return True
    match expr:
        case {".": {"left": left, "attr": attr}} | {"has": {"left": left, "attr": attr}} if _is_resource(left):
            return attr not in LABEL_FACTS
        case {"is": {"left": left, "entity_type": str(), **more}} if _is_resource(left):
            return bool(more)
        case dict():
            return any(mentions_record(inner) for inner in expr.values())
        case list():
            return any(mentions_record(inner) for inner in expr)
    return False


def mentions_source(expr: Json) -> bool:
    """Whether the outcome may differ by source."""
    match expr:
        case {".": {"left": left, "attr": "source"}} if _is_resource(left):
            return True
        case dict():
            return any(mentions_source(inner) for inner in expr.values())
        case list():
            return any(mentions_source(inner) for inner in expr)
    return False


def matches(pattern: list[str], text: str) -> bool:
    """Whether the text is the pattern's pieces with anything between them. Linear in the text but for str.find."""
    if len(pattern) == 1:
        return text == pattern[0]
    first, *middle, last = pattern
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def _compile(expr: Json) -> Test:
    match expr:
        case {"Value": bool() | str() as value}:
            return lambda _: value
        case {"Set": list(items)}:
            tests = [compile_condition(item) for item in items]
            return lambda facts: frozenset(_scalar(test(facts)) for test in tests)
        case {".": {"left": left, "attr": attr}}:
            return _get(left, attr)
        case {"has": {"left": left, "attr": attr}}:
            return _has(left, attr)
        case {"like": {"left": left, "pattern": pattern}}:
            base, pieces = compile_condition(left), _pieces(pattern)
            return lambda facts: matches(pieces, _string(base(facts)))
        case {"is": {"left": left, "entity_type": kind, **more}} if _is_resource(left) and not more:
            return lambda _: kind == "Record"
    return _logic(expr)


def _logic(expr: Json) -> Test:
    match expr:
        case {"!": {"arg": arg}}:
            negated = compile_condition(arg)
            return lambda facts: not _boolean(negated(facts))
        case {"&&": {"left": left, "right": right}}:
            if left == {"Value": True}:
                one = compile_condition(right)
                return lambda facts: _boolean(one(facts))
            first, second = compile_condition(left), compile_condition(right)
            return lambda facts: _boolean(first(facts)) and _boolean(second(facts))
        case {"||": {"left": left, "right": right}}:
            first, second = compile_condition(left), compile_condition(right)
            return lambda facts: _boolean(first(facts)) or _boolean(second(facts))
        case {"if-then-else": {"if": condition, "then": then, "else": otherwise}}:
            test, yes, no = (compile_condition(part) for part in (condition, then, otherwise))
            return lambda facts: yes(facts) if _boolean(test(facts)) else no(facts)
    return _comparison(expr)


_COMPARISONS: Mapping[str, Callable[[Value, Value], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "contains": lambda left, right: _scalar(right) in _set(left),
    "containsAll": lambda left, right: _set(left) >= _set(right),
    "containsAny": lambda left, right: not _set(left).isdisjoint(_set(right)),
}


def _comparison(expr: Json) -> Test:
    match expr:
        case {"isEmpty": {"arg": arg}}:
            inner = compile_condition(arg)
            return lambda facts: not _set(inner(facts))
        case dict() if len(expr) == 1 and (kind := next(iter(expr))) in _COMPARISONS:
            compare = _COMPARISONS[kind]
            first, second = compile_condition(expr[kind]["left"]), compile_condition(expr[kind]["right"])
            return lambda facts: compare(first(facts), second(facts))
    raise NotUnderstood


def _get(left: Json, attr: str) -> Test:
    if not _is_resource(left):
        base = compile_condition(left)
        return lambda facts: _item(_record(base(facts)), attr)
    match attr:
        case "tenant":
            return lambda facts: facts.tenant
        case "source":
            return lambda facts: facts.source
        case "attributes":
            return lambda facts: facts.attributes
    raise NotUnderstood


def _has(left: Json, attr: str) -> Test:
    if _is_resource(left):
        if attr in LABEL_FACTS:
            return lambda _: True
        raise NotUnderstood
    base = compile_condition(left)
    return lambda facts: attr in _record(base(facts))


def _needs_record(_: LabelFacts) -> Value:
    raise NeedsRecord


def _is_resource(expr: Json) -> bool:
    return bool(expr == {"unknown": [{"Value": "resource"}]})


def _pieces(pattern: Json) -> list[str]:
    pieces = [""]
    for element in pattern:
        match element:
            case "Wildcard":
                pieces.append("")
            case {"Literal": str(text)}:
                pieces[-1] += text
            case _:
                raise NotUnderstood
    return pieces


def _item(record: Mapping[str, str], name: str) -> str:
    if name not in record:
        raise CannotEvaluate
    return record[name]


def _boolean(value: Value) -> bool:
    if not isinstance(value, bool):
        raise CannotEvaluate
    return value


def _string(value: Value) -> str:
    if not isinstance(value, str):
        raise CannotEvaluate
    return value


def _set(value: Value) -> frozenset[str | bool]:
    if not isinstance(value, frozenset):
        raise CannotEvaluate
    return value


def _record(value: Value) -> Mapping[str, str]:
    if not isinstance(value, Mapping):
        raise CannotEvaluate
    return value


def _scalar(value: Value) -> str | bool:
    if not isinstance(value, str | bool):
        raise NotUnderstood
    return value
