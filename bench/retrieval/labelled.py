"""The labelled set: texts, questions, and which texts answer them. See README.md."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
ANSWERS, RELATED = 2, 1
"""Grades of what answers a question and of what is about the same thing."""


@dataclass(frozen=True, slots=True)
class Text:
    """A document of the set, short enough to be one chunk."""

    name: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Labelled:
    """A question; `grades`: text -> grade, those above 0. Constants of ranking were chosen by `chosen_on` questions."""

    kind: str
    ask: str
    grades: dict[str, int]
    chosen_on: bool


def texts() -> list[Text]:
    """Every text, in the order of the files. Raises ValueError where two have one name."""
    found = [
        Text(name, said["title"], said["text"])
        for path in sorted((FOLDER / "texts").glob("*.yaml"))
        for name, said in _read(path).items()
    ]
    if len({text.name for text in found}) != len(found):
        raise ValueError("two texts have the same name")
    return found


def questions() -> list[Labelled]:
    """Every question, by kind; every second one of a kind is of the half that constants were chosen on."""
    return [
        Labelled(
            kind,
            each["ask"],
            dict.fromkeys(each.get("related", ()), RELATED) | dict.fromkeys(each["answers"], ANSWERS),
            chosen_on=number % 2 == 0,
        )
        for kind, all_of_kind in _read(FOLDER / "questions.yaml").items()
        for number, each in enumerate(all_of_kind)
    ]


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(path.read_text())
    return content
