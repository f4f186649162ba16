"""docs/performance.md: each bench owns what stands between its two markers; the rest is written by hand."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.common.plots import Plot

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
PLOTS = "performance"
"""The folder of the plots, beside the page."""


@dataclass(frozen=True, slots=True)
class Section:
    """What a bench shows: Markdown, and plots below it."""

    markdown: str
    plots: tuple[Plot, ...] = ()


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all columns but the first are figures, to the right."""
    marks = ["---", *("---:" for _ in columns[1:])]
    lines = [columns, marks, *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def show(name: str, section: Section, page: Path = PAGE) -> None:
    """Put a section in its place, and its plots beside the page. Raises ValueError where the page has no such place."""
    files = [plot.save(page.parent / PLOTS) for plot in section.plots]
    images = [f"![{plot.caption}]({PLOTS}/{file.name})" for plot, file in zip(section.plots, files, strict=True)]
    page.write_text(replaced(page.read_text(), name, "\n\n".join([section.markdown.strip(), *images])))


def replaced(text: str, name: str, inner: str) -> str:
    """The page with another content between the markers of a bench."""
    begin, end = f"<!-- bench:{name} -->", f"<!-- /bench:{name} -->"
    found = re.search(f"{re.escape(begin)}.*?{re.escape(end)}", text, re.DOTALL)
    if found is None:
        raise ValueError(f"docs/performance.md has no {begin} … {end}")
    return f"{text[: found.start()]}{begin}\n\n{inner}\n\n{end}{text[found.end() :]}"


def _cell(value: object) -> str:
    """Three digits of a fraction, all of what is larger; a text that does not end its cell."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return " ".join(str(value).replace("|", "\\|").split("\n"))
