"""A YAML file as data, with the line of every field."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from connectors.mistakes import Mistake

Loc = tuple[str | int, ...]


@dataclass
class Document:
    """`lines` gives the line (from 1) of each field by its path; `mistakes` are those of YAML itself."""

    file: Path
    data: Any = None
    lines: dict[Loc, int] = field(default_factory=dict)
    texts: dict[Loc, str] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def line_of(self, loc: Loc) -> int:
        """The line of the field, or of the nearest one around it. Steps the file has not are skipped."""
        here: Loc = ()
        for step in loc:
            if (*here, step) in self.lines:
                here = (*here, step)
        return self.lines.get(here, 1)

    def line_naming(self, column: str, within: Loc) -> int:
        """The first line under `within` whose text is the column's name or has it between braces."""
        for loc, text in self.texts.items():
            if loc[: len(within)] == within and (text == column or f"{{{column}}}" in text):
                return self.lines[loc]
        return self.line_of(within)

    def mistake(self, loc: Loc, what: str, todo: str, line: int = 0) -> Mistake:
        return Mistake(self.file, line or self.line_of(loc), ".".join(map(str, loc)), what, todo)


def read_document(file: Path) -> Document:
    """Read a file. Never raises for its content: see `mistakes`; then `data` may be None."""
    document = Document(file)
    try:
        loader = yaml.SafeLoader(file.read_text(encoding="utf-8"))
        root = loader.get_single_node()
        if root is None:
            raise yaml.YAMLError("the file is empty")
        _Walk(document).visit(root, (), frozenset())
        if not any("refers to itself" in mistake.what for mistake in document.mistakes):
            document.data = loader.construct_document(root)
    except (OSError, UnicodeDecodeError) as error:
        document.mistakes.append(
            Mistake(file, 0, "", f"the file cannot be read: {error}", "make it readable UTF-8 text")
        )
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error)
        line = mark.line + 1 if mark else 1
        document.mistakes.append(Mistake(file, line, "", f"not valid YAML: {what}", "correct the YAML at this line"))
    return document


class _Walk:
    """Notes lines and repeated keys of composed nodes, before YAML's merging hides them."""

    def __init__(self, document: Document) -> None:
        self.document = document

    def visit(self, node: yaml.Node, loc: Loc, around: frozenset[int]) -> None:
        self.document.lines.setdefault(loc, node.start_mark.line + 1)
        if id(node) in around:
            self.document.mistakes.append(self.document.mistake(loc, "refers to itself", "write the value out"))
            return
        inside = around | {id(node)}
        if isinstance(node, yaml.MappingNode):
            self._mapping(node, loc, inside)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.visit(item, (*loc, index), inside)
        elif isinstance(node, yaml.ScalarNode):
            self.document.texts.setdefault(loc, node.value)

    def _mapping(self, node: yaml.MappingNode, loc: Loc, inside: frozenset[int]) -> None:
        seen: dict[str, int] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name == "<<":
                merged.append(value)
                continue
            if name in seen:
                what = f"{name!r} is written twice, first on line {seen[name]}"
                self.document.mistakes.append(self.document.mistake((*loc, name), what, "keep one of the two", line))
            seen.setdefault(name, line)
            self.document.lines.setdefault((*loc, name), line)
            self.visit(value, (*loc, name), inside)
        for value in merged:
            self.visit(value, loc, inside)
