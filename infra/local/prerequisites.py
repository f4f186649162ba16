"""The programs the local stack needs: found, installed when we are root, or named with what installs them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.local.part import Report
from schemas.errors import Misconfigured

PYTHON = (3, 11)
JAVA = 17
POSTGRES = 14
"""The first PostgreSQL whose pgoutput carries logical messages; 15 is what we test with."""
INSTALL_LIMIT_SECONDS = 900


@dataclass(frozen=True)
class Prerequisite:
    """A program, how to see whether it is here, and its package by package manager."""

    title: str
    present: Callable[[], bool]
    packages: dict[str, str]


def postgres_binaries() -> Path:
    """The folder with `initdb` and `postgres`, the newest version of those installed.

    Raises Misconfigured when there is none of version 14 or later.
    """
    found = _find_postgres()
    if found is None:
        raise Misconfigured(f"no PostgreSQL server of version {POSTGRES} or later: run the set-up again")
    return found


def ensure(report: Report) -> None:
    """Check everything; as root, install what is missing with the system's package manager.

    Raises Misconfigured naming all that is missing and the exact command that installs it.
    """
    if sys.version_info < PYTHON:
        raise Misconfigured(f"Python {'.'.join(map(str, PYTHON))} or later is needed, this is {sys.version.split()[0]}")
    missing = [need for need in PREREQUISITES if not need.present()]
    if not missing:
        return
    manager = next((name for name in INSTALL if shutil.which(name)), None)
    titles = ", ".join(need.title for need in missing)
    if manager is None:
        raise Misconfigured(f"missing: {titles}. Install them and try again")
    commands = install_commands(manager, missing)
    if os.geteuid() != 0:
        spelled = " && ".join("sudo " + " ".join(command) for command in commands)
        raise Misconfigured(f"missing: {titles}. Install them with\n  {spelled}\nand try again")
    report(f"prerequisites: installing {titles} with {manager}")
    _install(commands)
    left = [need.title for need in missing if not need.present()]
    if left:
        raise Misconfigured(f"{manager} ran, but these are still missing or too old: {', '.join(left)}")


def install_commands(manager: str, missing: list[Prerequisite]) -> list[list[str]]:
    """What to run, in this order, to get what is missing."""
    before, install = INSTALL[manager]
    return [*before, [*install, *(need.packages[manager] for need in missing)]]


def _install(commands: list[list[str]]) -> None:
    _find_postgres.cache_clear()
    for command in commands:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, env=environment, timeout=INSTALL_LIMIT_SECONDS
            )
        except subprocess.TimeoutExpired:
            raise Misconfigured(f"`{' '.join(command)}` did not end within {INSTALL_LIMIT_SECONDS} s") from None
        if done.returncode != 0:
            last = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
            raise Misconfigured(f"`{' '.join(command)}` failed:\n{last}")


@cache
def _find_postgres() -> Path | None:
    candidates = [Path(path) for path in Path("/usr/lib/postgresql").glob("*/bin")]
    config = shutil.which("pg_config")
    if config:
        asked = subprocess.run([config, "--bindir"], capture_output=True, text=True, timeout=30)
        candidates.append(Path(asked.stdout.strip()))
    on_path = shutil.which("postgres")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    usable = [(version, path) for path in candidates if (version := _postgres_version(path)) >= POSTGRES]
    return max(usable)[1] if usable else None


def _postgres_version(folder: Path) -> int:
    if not (folder / "initdb").is_file() or not (folder / "postgres").is_file():
        return 0
    return _first_number([str(folder / "postgres"), "--version"], r"\) (\d+)")


def _java_version() -> int:
    return _first_number(["java", "-version"], r'version "(\d+)') if shutil.which("java") else 0


def _first_number(command: list[str], pattern: str) -> int:
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(pattern, asked.stdout + asked.stderr)
    return int(found[1]) if found else 0


PREREQUISITES = (
    Prerequisite(
        f"Java {JAVA} or later",
        lambda: _java_version() >= JAVA,
        {
            "apt-get": "openjdk-17-jre-headless",
            "dnf": "java-17-openjdk-headless",
            "apk": "openjdk17-jre-headless",
        },
    ),
    Prerequisite(
        "Maven",
        lambda: shutil.which("mvn") is not None,
        {"apt-get": "maven", "dnf": "maven", "apk": "maven"},
    ),
    Prerequisite(
        f"PostgreSQL {POSTGRES} or later, server programs",
        lambda: _find_postgres() is not None,
        {"apt-get": "postgresql", "dnf": "postgresql-server", "apk": "postgresql15"},
    ),
)
INSTALL: dict[str, tuple[list[list[str]], list[str]]] = {
    "apt-get": ([["apt-get", "update"]], ["apt-get", "install", "--yes", "--no-install-recommends"]),
    "dnf": ([], ["dnf", "install", "--assumeyes"]),
    "apk": ([["apk", "update"]], ["apk", "add"]),
}
"""Per package manager: what to run before, and how to install."""
