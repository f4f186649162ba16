"""Durations in configuration: `250ms`, `2s`, `15m`, `36h`, `7d`."""

import math
import re
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SHAPE = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def seconds(text: object) -> float:
    """Parse a duration into seconds. Raises ValueError with an example of what is right."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        value = float(text)
    else:
        found = _SHAPE.fullmatch(str(text).strip())
        if found is None:
            raise ValueError(f"{text!r} is not a duration; write for example 250ms, 2s, 15m, 36h or 7d")
        value = float(found[1]) * _UNITS[found[2]]
    if not 0 < value < math.inf:
        raise ValueError("a duration must be longer than zero, and end")
    return value


_Written = Annotated[str, Field(pattern=f"^{_SHAPE.pattern}$")] | Annotated[float, Field(gt=0)]

Duration = Annotated[float, BeforeValidator(seconds, json_schema_input_type=_Written)]
"""Seconds, written as text with a unit."""
