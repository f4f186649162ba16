"""What a bench found, as bench/results/<name>.json keeps it."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

RESULTS = Path(__file__).parents[1] / "results"


@dataclass(frozen=True, slots=True)
class Bar:
    """What a ratio must reach: at least, or at most."""

    least: float | None = None
    most: float | None = None

    @classmethod
    def at_least(cls, value: float) -> Self:
        return cls(least=value)

    @classmethod
    def at_most(cls, value: float) -> Self:
        return cls(most=value)

    def holds(self, value: float) -> bool:
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def __str__(self) -> str:
        return f"≥ {self.least:g}" if self.least is not None else f"≤ {self.most:g}"


def machine() -> dict[str, Any]:
    """Where it was measured. `load`: processes at work on the average of the last minute, when it is asked."""
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": round(os.getloadavg()[0], 2),
    }


@dataclass(frozen=True, slots=True)
class Result:
    """`input`: sizes and seed; `ratios`: all of one run; `measured`: figures with their spread, with units in their
    names; `bars`: names of `ratios` -> what they must reach; `more`: what else readers look for at the top."""

    what: str
    input: Mapping[str, Any]
    ratios: Mapping[str, float]
    measured: Mapping[str, Any]
    bars: Mapping[str, Bar] = field(default_factory=dict)
    machine: Mapping[str, Any] = field(default_factory=machine)
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def missed(self) -> list[str]:
        """The bars that are not reached."""
        return [f"{name}: {self.ratios[name]:g}, not {bar}" for name, bar in self.bars.items() if not self._held(name)]

    def bars_table(self) -> list[tuple[str, str, str, str]]:
        """Name, value, bar, verdict."""
        return [
            (name, f"{self.ratios[name]:.3g}", str(bar), "yes" if self._held(name) else "**no**")
            for name, bar in self.bars.items()
        ]

    def write(self, name: str, folder: Path = RESULTS) -> None:
        """Keep it, instead of what was there."""
        bars = {key: {"least": bar.least, "most": bar.most, "holds": self._held(key)} for key, bar in self.bars.items()}
        kept = {
            "what": self.what,
            "machine": self.machine,
            "input": self.input,
            "ratios": self.ratios,
            "bars": bars,
            "measured": self.measured,
            **self.more,
        }
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n")

    @classmethod
    def read(cls, name: str, folder: Path = RESULTS) -> Self | None:
        """None where there is none yet."""
        file = folder / f"{name}.json"
        if not file.is_file():
            return None
        kept = json.loads(file.read_text())
        bars = {key: Bar(bar["least"], bar["most"]) for key, bar in kept.pop("bars", {}).items()}
        known = {key: kept.pop(key, {}) for key in ("what", "input", "ratios", "measured", "machine")}
        return cls(**known, bars=bars, more=kept)

    def _held(self, name: str) -> bool:
        return self.bars[name].holds(self.ratios[name])
