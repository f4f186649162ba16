"""Virtual environments of rivals: made by the bench, never by the product, once for each list of requirements."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from bench.common.options import Options
from schemas.errors import Unavailable

RIVALS = Path(__file__).parents[1] / "rivals"
LIMIT_S = 900
STAMP = "requirements.sha256"


def python_of(options: Options, name: str) -> Path:
    """The interpreter of a rival's environment. Raises Unavailable where its packages cannot be installed."""
    requirements = RIVALS / name / "requirements.txt"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    place = options.home / "venvs" / name
    python, stamp = place / "bin" / "python", place / STAMP
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    options.say(f"{name}: installing its packages, once")
    shutil.rmtree(place, ignore_errors=True)
    _run(name, [sys.executable, "-m", "venv", str(place)])
    _run(name, [str(python), "-m", "pip", "install", "--quiet", "--requirement", str(requirements)])
    stamp.write_text(wanted)
    return python


def _run(name: str, command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        raise Unavailable(f"rival {name}", f"installing it took more than {LIMIT_S} s") from None
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()[-5:]
        raise Unavailable(f"rival {name}", "\n".join(lines))
