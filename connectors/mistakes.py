"""What is wrong in a file a person wrote: where, what, and what to do. Always all of it at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from schemas.errors import Misconfigured


@dataclass(frozen=True, order=True)
class Mistake:
    """One mistake. `line` counts from 1; 0 = the file as a whole. `where` is the field, as `tables.a.b.key`.

    No field ever holds a secret: values of options that name secrets are not quoted.
    """

    file: Path
    line: int
    where: str
    what: str
    todo: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return (
            f"{place}: {self.where}: {self.what}; {self.todo}" if self.where else f"{place}: {self.what}; {self.todo}"
        )


class ContractInvalid(Misconfigured):
    """A source contract is not usable as it is; every mistake is listed."""

    code = "contract_invalid"

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = sorted(set(mistakes))
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """`did you mean 'subject'?` where a known name is close, else the advice `otherwise`."""
    close: Sequence[str] = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else otherwise
