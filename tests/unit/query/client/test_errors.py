"""Every refusal of the API is one that the client can tell apart."""

import ast
from pathlib import Path

import pytest

import query
import query.client.errors
from query.client.replies import refused
from schemas.errors import Refused

ROOT = Path(query.__file__).parents[1]
NOT_OF_THE_API = {"not_yet_sealed"}
"""Of the command line alone."""


def codes() -> dict[str, set[str]]:
    """Code -> the classes in our sources that have it and are refusals, as far as their names tell."""
    found: dict[str, set[str]] = {}
    for file in [*(ROOT / "query").rglob("*.py"), ROOT / "schemas" / "errors.py"]:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and any(_is_refusal(base) for base in node.bases):
                for code in (_code(statement) for statement in node.body):
                    found.setdefault(code, set()).add(node.name) if code else None
    return {code: names for code, names in found.items() if code not in NOT_OF_THE_API}


def _is_refusal(base: ast.expr) -> bool:
    name = base.id if isinstance(base, ast.Name) else ""
    kind = getattr(query.client.errors, name, None)
    return isinstance(kind, type) and issubclass(kind, Refused)


def _code(statement: ast.stmt) -> str:
    """The value of `code = "…"`."""
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
        named = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        return str(statement.value.value) if named == ["code"] else ""
    return ""


def test_the_codes_are_found() -> None:
    assert {"forbidden", "row_budget_spent", "too_stale", "rate_limited", "unknown_record", "busy"} <= set(codes())


@pytest.mark.parametrize(("code", "names"), sorted(codes().items()))
def test_a_code_comes_back_as_its_own_class_which_can_be_imported(code: str, names: set[str]) -> None:
    kind = type(refused(code, "in these words", 500))
    assert kind.__name__ in names
    assert kind.code == code
    assert kind.__name__ in query.client.errors.__all__
