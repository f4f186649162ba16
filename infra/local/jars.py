"""Kafka, Connect and Debezium as jars: resolved by Maven from `pom.xml` once, then found by a stamp."""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from infra.local.part import Report
from infra.local.processes import exclusive, replace_text
from schemas.errors import Unavailable

POM = Path(__file__).with_name("pom.xml")
LOGGING = Path(__file__).with_name("log4j2.properties")
STAMP = "pom.sha256"
MAVEN_LIMIT_SECONDS = 900


def resolve(jars: Path, report: Report) -> None:
    """Fill `jars/kafka` (class path) and `jars/plugins` (Connect plugins) as pinned in pom.xml.

    Instant and offline when they are there already. A run cut short leaves no half-filled folder.
    Raises Unavailable with Maven's own words when it cannot resolve.
    """
    wanted = hashlib.sha256(POM.read_bytes()).hexdigest()
    if _stamped(jars, wanted):
        return
    jars.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(jars.with_name(f"{jars.name}.lock")):
        if _stamped(jars, wanted):
            return
        report("jars: Maven resolves Kafka, Connect and Debezium (once; about 60 MB)")
        draft = jars.with_name(f"{jars.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        _run_maven(draft)
        replace_text(draft / STAMP, wanted)
        shutil.rmtree(jars, ignore_errors=True)
        draft.replace(jars)
        report(f"jars: {sum(1 for _ in jars.rglob('*.jar'))} ready")


def _stamped(jars: Path, wanted: str) -> bool:
    stamp = jars / STAMP
    return stamp.is_file() and stamp.read_text() == wanted


def _run_maven(target: Path) -> None:
    command = ["mvn", "--batch-mode", "--quiet", "--file", str(POM), f"-Djars={target}", "generate-resources"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MAVEN_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        problem = f"gave no result within {MAVEN_LIMIT_SECONDS} s; is the network slow?"
        raise Unavailable("Maven", problem) from None
    if done.returncode != 0:
        raise Unavailable("Maven", "\n".join((done.stdout + done.stderr).splitlines()[-15:]))


def java(jars: Path, heap_mb: int, main: str, arguments: Sequence[str]) -> list[str]:
    """The command that runs a class of `jars/kafka` in a small, quick JVM that ends when out of memory."""
    return [
        "java",
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        "-XX:+ExitOnOutOfMemoryError",
        f"-Dlog4j2.configurationFile={LOGGING}",
        "-cp",
        f"{jars / 'kafka'}/*",
        main,
        *arguments,
    ]


def properties(settings: dict[str, object]) -> str:
    """A Java properties file. Values of ours hold no line breaks; a backslash is escaped."""
    return "".join(f"{name}={str(value).replace(chr(92), chr(92) * 2)}\n" for name, value in settings.items())
