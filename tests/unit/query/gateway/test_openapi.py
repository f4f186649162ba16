"""The OpenAPI document is whole, and a linter finds nothing in it."""

import json
from pathlib import Path
from typing import Any

import pytest
from node_tools import NotInstallable, node_tools

from query.problems import MEDIA_TYPE

ROOT = Path(__file__).parents[4]


@pytest.fixture
def document(served) -> dict[str, Any]:
    return served.app().openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", said) for path, methods in document["paths"].items() for method, said in methods.items()
    ]


def test_every_operation_has_a_name_a_room_words_and_says_whether_a_token_is_needed(document: dict[str, Any]) -> None:
    lacking = [
        (name, what)
        for name, said in operations(document)
        for what in ("operationId", "tags", "summary", "description", "security")
        if what not in said or (what != "security" and not said[what])
    ]
    assert lacking == []
    ids = [said["operationId"] for _, said in operations(document)]
    assert len(set(ids)) == len(ids)
    assert {tag for _, said in operations(document) for tag in said["tags"]} == {
        tag["name"] for tag in document["tags"]
    }
    open_ones = {name for name, said in operations(document) if not said["security"]}
    assert open_ones == {"get /healthz", "get /readyz"}


def test_every_refusal_is_a_problem_and_those_that_any_request_may_meet_are_told_of_all(
    document: dict[str, Any],
) -> None:
    for name, said in operations(document):
        refusals = {status: reply for status, reply in said["responses"].items() if status >= "400"}
        assert all(list(reply["content"]) == [MEDIA_TYPE] for reply in refusals.values()), name
        if said["security"]:
            assert {"401", "403", "413", "429", "500", "503"} <= refusals.keys(), name
            assert {"RateLimit", "RateLimit-Policy"} <= said["responses"][min(said["responses"])]["headers"].keys()
        if "429" in refusals:
            assert "Retry-After" in refusals["429"]["headers"]


def test_a_linter_finds_nothing(document: dict[str, Any], tmp_path: Path) -> None:
    try:
        tools = node_tools(ROOT / ".freshline")
    except NotInstallable as error:
        pytest.skip(f"{error}")
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    done = tools.run("redocly", "lint", "--max-problems=20", str(file), timeout_s=120)
    assert (done.returncode, "warning" in (done.stdout + done.stderr).lower()) == (0, False), done.stdout + done.stderr
