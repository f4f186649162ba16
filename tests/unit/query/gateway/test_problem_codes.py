"""Every code that the API may reply with is on the page for those who match it, and no other."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import query
import schemas
from schemas.errors import Refused

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "api.md"
NEVER_LEAVES = {"not_yet_sealed"}
"""Of commands only."""


def refusals(kind: type[Refused] = Refused) -> Iterator[type[Refused]]:
    for each in kind.__subclasses__():
        yield each
        yield from refusals(each)


def raised() -> dict[str, set[int]]:
    """Code -> statuses, of all classes of the product."""
    for room in (schemas, query):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            importlib.import_module(module.name)
    found: dict[str, set[int]] = {}
    for each in refusals():
        if each.__module__.split(".")[0] in ("schemas", "query") and each.code not in NEVER_LEAVES:
            found.setdefault(each.code, set()).add(each.status)
    return found


def listed() -> dict[str, set[int]]:
    rows = re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \|", PAGE.read_text(), re.MULTILINE)
    return {code: {int(status)} for status, code in rows}


def test_every_code_is_listed_with_its_one_status_and_no_other_code_is() -> None:
    assert listed() == raised(), "docs/api.md lists each code: | status | `code` | meaning |"


def test_the_codes_are_found() -> None:
    assert {"unauthenticated", "row_budget_spent", "rate_limited", "unknown_record"} <= raised().keys()
