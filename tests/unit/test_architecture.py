"""What holds for every file: its size, and that nothing of the machine or network it was written on is in it.

Which room may import which is checked by import-linter.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("schemas", "connectors", "index", "streams", "query", "infra", "bench", "examples", "tests", "freshline.py")
KINDS = {".py", ".md", ".yaml", ".yml", ".json", ".xml", ".toml", ".sql", ".sh", ".conf", ".properties"}
MOST_LINES = 300
LONGER = {
    "freshline.py": "the command line: a short function for each command, no logic",
    "tests/live/test_sources_live.py": "one source, all that can be done to it",
    "tests/contracts/store_contract.py": "one suite over both stores",
    "tests/unit/streams/test_histories.py": "one model of a source, its deliveries, and the property",
    "tests/unit/streams/test_indexing.py": "one stage for every kind of batch",
}
"""File -> why it may be longer."""

MACHINE = re.compile(r"(?<![\w.<>{}-])/(?:work|root|home)/")
REGISTRIES = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("repo1", "maven", "org"),
            ("repo", "maven", "apache", "org"),
            ("registry", "npmjs", "org"),
            ("deb", "debian", "org"),
            ("archive", "ubuntu", "com"),
            ("proxy", "golang", "org"),
            ("hf", "co"),
        )
    )
    + "|artifactory|nexus|(?<!no-emit-)index-url"
)


def files() -> list[Path]:
    found = [ROOT / each for each in ("pyproject.toml", "README.md", "CHANGELOG.md", "Makefile", "requirements.lock")]
    for room in ROOMS:
        found += sorted((ROOT / room).rglob("*")) if (ROOT / room).is_dir() else [ROOT / room]
    return [file for file in found if file.is_file() and _ours(file)]


def _ours(file: Path) -> bool:
    generated = {"__pycache__", "target"} & set(file.relative_to(ROOT).parts)
    return not generated and (file.suffix in KINDS or file.name in ("Makefile", "requirements.lock"))


def name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_the_rooms_are_found() -> None:
    assert {room.split(".")[0] for room in ROOMS} <= {name(file).split("/")[0].split(".")[0] for file in files()}


def test_no_code_file_is_longer_than_the_budget() -> None:
    lines = {name(file): len(file.read_text().splitlines()) for file in files() if file.suffix == ".py"}
    assert {file: count for file, count in lines.items() if count > MOST_LINES and file not in LONGER} == {}
    assert [file for file in LONGER if lines.get(file, 0) <= MOST_LINES] == [], "no exception is needed any more"


@pytest.mark.parametrize("forbidden", [MACHINE, REGISTRIES], ids=["paths of a machine", "hosts of registries"])
def test_no_file_names_the_machine_or_the_registry_it_was_made_with(forbidden: re.Pattern[str]) -> None:
    named = [
        f"{name(file)}:{number}: {line.strip()[:80]}"
        for file in files()
        if file != Path(__file__)
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if forbidden.search(line)
    ]
    assert named == []


def test_what_is_forbidden_is_recognised() -> None:
    assert MACHINE.search("cd /" + "home/me")
    assert MACHINE.search('"/' + 'work/x"')
    assert not MACHINE.search("<home>/work/faust, $HOME/work/ and infra/work/")
    assert REGISTRIES.search("https://files." + "pythonhosted" + ".org/x")
