"""Reads safetensors files: an 8-byte length, a JSON header of that length, then raw little-endian numbers."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.errors import ModelDamaged

Tensors = dict[str, NDArray[np.float32]]


def read_tensors(path: Path) -> Tensors:
    """All float32 tensors of a file, by name, read-only. Others (index tables) are left out.

    Raises ModelDamaged if header and content do not agree.
    """
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8:start])
        return {
            name: _tensor(content, start, entry)
            for name, entry in header.items()
            if name != "__metadata__" and entry["dtype"] == "F32"
        }
    except (ValueError, KeyError, TypeError) as error:
        raise ModelDamaged(f"{path.name} is not a complete safetensors file ({error}); fetch it again") from error


def _tensor(content: bytes, start: int, entry: dict[str, list[int]]) -> NDArray[np.float32]:
    first, last = entry["data_offsets"]
    flat = np.frombuffer(content, dtype="<f4", count=(last - first) // 4, offset=start + first)
    return flat.reshape(entry["shape"])
