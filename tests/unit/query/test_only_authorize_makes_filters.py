"""Nobody but query/authorize.py can make an AccessFilter, or change one."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOMS = ("schemas", "connectors", "index", "streams", "query", "infra")
MAKER, HOME = "query/authorize.py", "schemas/access.py"
FIELDS = {"labels", "sources"}


def offences(code: str) -> list[int]:
    """Lines that use AccessFilter other than in an annotation, rename it, or replace a filter's fields."""
    tree = ast.parse(code)
    notes = [
        note
        for node in ast.walk(tree)
        for note in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if note is not None
    ]
    annotated = {id(inner) for note in notes for inner in ast.walk(note)}
    found: list[int] = []
    for node in ast.walk(tree):
        named = isinstance(node, ast.Name) and node.id == "AccessFilter"
        attribute = isinstance(node, ast.Attribute) and node.attr == "AccessFilter"
        if (named or attribute) and id(node) not in annotated:
            found.append(node.lineno)
        if isinstance(node, ast.ImportFrom):
            found += [node.lineno for a in node.names if a.name == "AccessFilter" and a.asname]
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("replace"):
            found += [node.lineno for keyword in node.keywords if keyword.arg in FIELDS]
    return found


def product_files() -> list[Path]:
    files = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return [*files, ROOT / "freshline.py"]


def test_no_other_product_file_makes_or_changes_a_filter() -> None:
    guilty = {
        f"{name}:{line}"
        for path in product_files()
        if (name := path.relative_to(ROOT).as_posix()) not in (MAKER, HOME)
        for line in offences(path.read_text())
    }
    assert guilty == set()


def test_the_maker_is_seen_to_make_one() -> None:
    assert offences((ROOT / MAKER).read_text())


@pytest.mark.parametrize(
    "code",
    [
        "AccessFilter(frozenset(), frozenset())",
        "schemas.access.AccessFilter(a, b)",
        "make = AccessFilter",
        "from schemas.access import AccessFilter as Free",
        "AccessFilter.__new__(AccessFilter)",
        "dataclasses.replace(access, labels=everything)",
        "replace(access, sources=everything)",
    ],
)
def test_a_way_around_is_noticed(code: str) -> None:
    assert offences(code)


def test_taking_a_filter_is_no_offence() -> None:
    assert offences("from schemas.access import AccessFilter\ndef f(a: AccessFilter) -> AccessFilter: ...") == []
