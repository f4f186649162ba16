"""What a bench is given."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from schemas.settings import Settings

SEED = 6
CORES = 2
"""That every system may use, so that all are compared on the same."""


@dataclass(frozen=True, slots=True)
class Options:
    """`quick`: so small that one sees within a minute that it runs; its figures mean nothing and are not kept.

    `product`: the user's own home, with downloads and the prepared model; `home`: where benches keep their state.
    `say` tells the user what happens.
    """

    product: Path
    say: Callable[[str], None]
    quick: bool = False
    seed: int = SEED

    @property
    def home(self) -> Path:
        return self.product / "bench"

    def size(self, whole: int, quick: int) -> int:
        """One of the two."""
        return quick if self.quick else whole


def options(say: Callable[[str], None], quick: bool = False, seed: int = SEED) -> Options:
    """From the environment, as the product reads it."""
    return Options(Settings.load(os.environ).home.absolute(), say, quick, seed)
