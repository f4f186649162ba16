"""The policy folder as it is now: each policy's text with its file and line. Whatever is in doubt is a mistake."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from connectors.mistakes import Mistake

SUFFIX = ".cedar"
BESIDE = (".md", ".cedarschema")
"""Files that may stand beside policies; any other might be a policy with its name misspelt."""
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|;', re.DOTALL)
_BLANK = re.compile(r"(?:\s|//[^\n]*)*")


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy as written, from its first character to its semicolon. `line` counts from 1."""

    file: Path
    line: int
    text: str

    def line_of(self, word: str) -> int:
        """The first line that has the word; the statement's own where none has."""
        found = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", self.text)
        return self.line + (self.text.count("\n", 0, found.start()) if found else 0)

    def mistake(self, word: str, what: str, todo: str) -> Mistake:
        return Mistake(self.file, self.line_of(word) if word else self.line, "", what, todo)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a look at the folder gave. `digest` differs whenever a file's name or content, or a mistake, does."""

    digest: str
    statements: tuple[Statement, ...]
    mistakes: tuple[Mistake, ...]


def read_folder(folder: Path) -> Reading:
    """Every policy of the folder, in the order of file names. Never raises for what the folder holds."""
    statements: list[Statement] = []
    mistakes: list[Mistake] = []
    digest = sha256()
    try:
        files = sorted(file for file in folder.iterdir() if not file.name.startswith(".") and file.name[-1] != "~")
    except OSError as error:
        todo = "make the folder with at least base.cedar in it, or name another in FRESHLINE_POLICIES"
        mistakes.append(Mistake(folder, 0, "", f"the policy folder cannot be read: {error.strerror}", todo))
        files = []
    for file in files:
        if file.suffix == SUFFIX:
            text, wrong = _read(file)
            found = list(split(file, text))
            statements += found
            mistakes += wrong
            digest.update(f"{len(file.name)}:{file.name}{len(text)}:{text}".encode())
            if not found and not wrong:
                mistakes.append(Mistake(file, 0, "", "holds no policy", "write one, or remove the file"))
        elif file.is_dir() or file.suffix not in BESIDE:
            todo = f"end its name in {SUFFIX}, or take it away"
            mistakes.append(Mistake(file, 0, "", "is no policy file, and would not be read", todo))
    if not statements and not mistakes:
        todo = "add base.cedar with: permit(principal, action, resource);"
        mistakes.append(Mistake(folder, 0, "", "there is no policy here, so nothing would be permitted", todo))
    digest.update("\n".join(map(str, mistakes)).encode(errors="replace"))
    return Reading(digest.hexdigest(), tuple(statements), tuple(mistakes))


def split(file: Path, text: str) -> Iterator[Statement]:
    """The policies of a text. All of it but space and comments between policies is in one of them."""
    start = _BLANK.match(text, 0).end()  # type: ignore[union-attr]
    for token in _TOKEN.finditer(text):
        if token.group() == ";" and token.start() >= start:
            yield Statement(file, text.count("\n", 0, start) + 1, text[start : token.end()])
            start = _BLANK.match(text, token.end()).end()  # type: ignore[union-attr]
    if start < len(text):
        yield Statement(file, text.count("\n", 0, start) + 1, text[start:])


def _read(file: Path) -> tuple[str, list[Mistake]]:
    try:
        return file.read_text(encoding="utf-8"), []
    except OSError as error:
        return "", [Mistake(file, 0, "", f"cannot be read: {error.strerror}", "let this program read it")]
    except UnicodeDecodeError:
        return "", [Mistake(file, 0, "", "is not text in UTF-8", "save it as UTF-8")]
