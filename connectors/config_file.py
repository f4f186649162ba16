"""A connector's JSON configuration file: option -> text, with the line of each option."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connectors.mistakes import Mistake


@dataclass(frozen=True)
class ConfigFile:
    """`options` are text as Kafka Connect keeps them (`true`, `50`); `mistakes` those of the JSON itself."""

    file: Path
    options: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    mistakes: tuple[Mistake, ...] = ()

    @property
    def readable(self) -> bool:
        """Whether its options can be checked, although some may be wrong."""
        return bool(self.lines) and not any(mistake.where == "config" for mistake in self.mistakes)

    def mistake(self, option: str, what: str, todo: str) -> Mistake:
        """A mistake in this option, at its line; at the file as a whole where the option is not written."""
        return Mistake(self.file, self.lines.get(option, 0), option, what, todo)


def read_config(file: Path) -> ConfigFile:
    """Read a configuration file. Never raises for its content: see `mistakes`."""
    twice: list[str] = []

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in items]
        twice.extend(sorted({name for name in names if names.count(name) > 1}))
        return dict(items)

    try:
        text = file.read_text(encoding="utf-8")
        data = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        wrong = Mistake(file, error.lineno, "", f"not valid JSON: {error.msg}", "correct the JSON at this line")
        return ConfigFile(file, mistakes=(wrong,))
    except (OSError, UnicodeDecodeError) as error:
        wrong = Mistake(file, 0, "", f"the file cannot be read: {error}", "make it readable UTF-8 text")
        return ConfigFile(file, mistakes=(wrong,))
    if not isinstance(data, dict):
        wrong = Mistake(file, 1, "", "not a JSON object", 'write {"option": "value", …}')
        return ConfigFile(file, mistakes=(wrong,))
    found = ConfigFile(file, lines=_lines(text, data))
    return ConfigFile(file, _texts(data), found.lines, tuple(_misshapen(found, data, twice)))


def _lines(text: str, data: Mapping[str, object]) -> dict[str, int]:
    """Line of each option: the first that holds `"option":`, as an option's name never stands as a value."""
    rows = ["".join(row.split()) for row in text.splitlines()]
    quoted = {name: json.dumps(name, ensure_ascii=False) + ":" for name in data}
    return {
        name: next((number for number, row in enumerate(rows, 1) if mark in row), 1) for name, mark in quoted.items()
    }


def _texts(data: Mapping[str, object]) -> dict[str, str]:
    texts = {True: "true", False: "false"}
    return {
        name: texts[value] if isinstance(value, bool) else str(value)
        for name, value in data.items()
        if isinstance(value, str | bool | int | float)
    }


def _misshapen(found: ConfigFile, data: Mapping[str, object], twice: list[str]) -> list[Mistake]:
    mistakes = [found.mistake(name, "is written twice", "keep one of the two") for name in twice]
    for name, value in data.items():
        if name == "config" and isinstance(value, dict):
            todo = 'write the options themselves, without {"name": …, "config": …} around them'
            mistakes.append(found.mistake(name, "the options are wrapped", todo))
        elif not isinstance(value, str | bool | int | float):
            mistakes.append(found.mistake(name, "is not a plain value", "write text, a number, true or false"))
    return mistakes
