"""`python -m bench list | page | all | <name>… [--quick]`.

1 where a bench could not be run; a bar that is not reached is a finding, not a failure.
"""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence

from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape

from bench.common.options import Options, options
from bench.common.page import show
from bench.common.registry import BENCHES
from bench.common.result import Result
from bench.summary import NAME as SUMMARY
from bench.summary import summary
from schemas.errors import FreshlineError

console = Console()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser(prog="python -m bench", description="Measures Freshline beside its limits and its rivals.")
    parser.add_argument("names", nargs="+", choices=[*BENCHES, "all", "list", "page"], metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="small: shows that it runs, keeps nothing")
    chosen = parser.parse_args(arguments)
    if "list" in chosen.names:
        for name, entry in BENCHES.items():
            console.print(f"{name:<14}{entry.what}", highlight=False)
        return 0
    if "page" in chosen.names:
        return _page()
    names = list(BENCHES) if "all" in chosen.names else chosen.names
    return _run(names, options(_say, quick=chosen.quick))


def _run(names: Sequence[str], given: Options) -> int:
    """Run them one after another; one that fails, however it does, does not keep the others from running."""
    missed: list[str] = []
    failed: list[str] = []
    began = time.monotonic()
    for name in names:
        begun = time.monotonic()
        console.rule(name)
        try:
            missed += [f"{name}: {line}" for line in _one(name, given)]
        except FreshlineError as error:
            failed.append(f"{name}: {error}")
        except (Exception, SystemExit) as error:
            console.print_exception()
            failed.append(f"{name}: {type(error).__name__}: {error}")
        _say(f"{name}: {time.monotonic() - begun:.0f} s")
    if len(names) > 1:
        _say(f"all of them: {(time.monotonic() - began) / 60:.1f} minutes")
    for line in missed:
        console.print(f"[red]not reached[/red]  {escape(line)}", highlight=False)
    for line in failed:
        console.print(f"[red]failed[/red]  {escape(line)}", highlight=False)
    return 1 if failed else 0


def _one(name: str, given: Options) -> list[str]:
    """Run one, show and keep what it found. Returns the bars that are not reached."""
    result = BENCHES[name].load().run(given)
    section = BENCHES[name].section(result)
    console.print(Markdown(section.markdown))
    if given.quick:
        return []
    result.write(name)
    show(name, section)
    show(SUMMARY, summary())
    return result.missed


def _page() -> int:
    """All that is kept, shown anew. 1 where a result is not as its bench writes it now."""
    older: list[str] = []
    for name, entry in BENCHES.items():
        result = Result.read(name)
        if result is None:
            continue
        try:
            show(name, entry.section(result))
            _say(name)
        except KeyError:
            older.append(name)
            _say(f"{name}: what is kept is of an older form of this bench; run it again")
    show(SUMMARY, summary())
    return 1 if older else 0


def _say(line: str) -> None:
    console.print(f"   {line}", markup=False, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
