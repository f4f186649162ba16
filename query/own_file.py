"""A file that several processes of this server would make, and that only its owner may read."""

import os
import secrets
from pathlib import Path


def write_once(path: Path, content: bytes) -> None:
    """Whole or not at all: the first of several processes wins, and what it wrote stays. Raises OSError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
