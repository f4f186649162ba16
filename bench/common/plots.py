"""Plots as PNG files beside docs/performance.md. Needs matplotlib, which comes with the extra `bench`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import Misconfigured

SIZE = (8.0, 4.2)
DOTS_PER_INCH = 110


@dataclass(frozen=True, slots=True)
class Plot:
    """`draw` gets matplotlib's axes. `caption` is what somebody who does not see it is told."""

    name: str
    caption: str
    draw: Callable[[Any], None]
    size: tuple[float, float] = SIZE

    def save(self, folder: Path) -> Path:
        """Draw it into `<folder>/<name>.png`. The same figures give the same file. Raises Misconfigured without
        matplotlib."""
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise Misconfigured(
                "plots need matplotlib, which is in the extra `bench`: make setup installs it"
            ) from None

        figure = Figure(figsize=self.size, layout="constrained")
        self.draw(figure.add_subplot())
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.name}.png"
        figure.savefig(file, dpi=DOTS_PER_INCH, metadata={"Software": None})
        return file


def bars(axes: Any, values: dict[str, float], unit: str, limit: tuple[str, float] | None = None) -> None:
    """Horizontal bars, the first on top, each with its value; `limit`: a named line that none should pass."""
    names = list(values)[::-1]
    drawn = axes.barh(names, [values[name] for name in names], color="#4477aa")
    axes.bar_label(drawn, fmt="%.3g", padding=3)
    axes.set_xlabel(unit)
    if limit is not None:
        axes.axvline(limit[1], color="#aa3377", linestyle="--", label=limit[0])
        axes.legend(loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
