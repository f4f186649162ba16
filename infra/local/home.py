"""Where everything of one local stack lies, its ports, and the note (`stack.json`) that tells others."""

import json
import random
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypedDict, cast

from infra.local.processes import replace_text
from schemas.errors import Unavailable

HOST = "127.0.0.1"
DATABASE = "company"
SUPERUSER = "postgres"
PORTED = ("postgres", "kafka", "connect", "milvus", "api")
PORT_RANGE = range(20_000, 30_000)
"""Below the ports that systems give to outgoing connections: a client that retries while a part is down
cannot be given the part's own port and end up talking to itself."""
Ports = dict[str, int]


class PostgresEndpoint(TypedDict):
    """`password_file` is a path; its content is the password, nothing else."""

    host: str
    port: int
    user: str
    database: str
    password_file: str


class KafkaEndpoint(TypedDict):
    """`bootstrap` is host:port, plain text."""

    bootstrap: str


class ConnectEndpoint(TypedDict):
    """`url` is the REST address without a last slash."""

    url: str


class MilvusEndpoint(TypedDict):
    """`token_file` is a path; its content is the token, nothing else."""

    uri: str
    token_file: str


class ApiEndpoint(TypedDict):
    """`url` is the address without a last slash."""

    url: str


class Endpoints(TypedDict):
    """The shape of `stack.json`. Secrets are named by file, never written."""

    postgres: PostgresEndpoint
    kafka: KafkaEndpoint
    connect: ConnectEndpoint
    milvus: MilvusEndpoint
    api: ApiEndpoint


class Home:
    """The folder of one stack. Two homes never share anything but (optionally) the downloaded jars."""

    def __init__(self, root: Path, jars: Path | None = None) -> None:
        self.root = root.absolute()
        self.jars = (jars or root / "jars").absolute()
        self.logs, self.pids = self.root / "logs", self.root / "pids"
        self.secrets = self.root / "secrets"
        self.note = self.root / "stack.json"
        self.postgres_password = self.secrets / "postgres.password"
        self.milvus_token = self.secrets / "milvus.token"

    def create(self) -> None:
        """Make the folders; the one with secrets is for its owner only. Idempotent."""
        for folder in (self.root, self.logs, self.pids):
            folder.mkdir(parents=True, exist_ok=True)
        self.secrets.mkdir(mode=0o700, exist_ok=True)

    def endpoints(self, ports: Ports) -> Endpoints:
        """Where the parts are, given their ports."""
        return {
            "postgres": {
                "host": HOST,
                "port": ports["postgres"],
                "user": SUPERUSER,
                "database": DATABASE,
                "password_file": str(self.postgres_password),
            },
            "kafka": {"bootstrap": f"{HOST}:{ports['kafka']}"},
            "connect": {"url": f"http://{HOST}:{ports['connect']}"},
            "milvus": {"uri": f"http://{HOST}:{ports['milvus']}", "token_file": str(self.milvus_token)},
            "api": {"url": f"http://{HOST}:{ports['api']}"},
        }

    def remembered_ports(self) -> Ports:
        """The ports in the note; those it does not tell are left out."""
        note = self._read_note()
        ports: Ports = {}
        for name in PORTED:
            port = _port_of(note.get(name))
            if port is not None:
                ports[name] = port
        return ports

    def remember(self, ports: Ports) -> None:
        """Write the note. Entries of others in it are kept."""
        note = {**self._read_note(), **self.endpoints(ports)}
        replace_text(self.note, json.dumps(note, indent=2) + "\n")

    def _read_note(self) -> dict[str, Any]:
        try:
            note = json.loads(self.note.read_text())
        except (OSError, ValueError):
            return {}
        return cast(dict[str, Any], note) if isinstance(note, dict) else {}


def secret(path: Path) -> str:
    """The secret in `path`; made at random the first time, readable by the owner only (0600)."""
    if not path.exists():
        replace_text(path, secrets.token_urlsafe(32), mode=0o600)
    return path.read_text().strip()


def choose_ports(remembered: Ports, running: Iterable[str], is_free: Callable[[int], bool]) -> Ports:
    """A port for each part: the remembered one if the part runs on it or nobody does, else a new free one."""
    kept = {name: port for name, port in remembered.items() if name in set(running) or is_free(port)}
    for name in PORTED:
        if name not in kept:
            kept[name] = free_port(is_free, taken=kept.values())
    return {name: kept[name] for name in PORTED}


def free_port(is_free: Callable[[int], bool], taken: Iterable[int] = ()) -> int:
    """A free port of PORT_RANGE, at random, none of `taken`. Raises Unavailable after a thousand tries."""
    busy = set(taken)
    for port in random.sample(PORT_RANGE, 1000):
        if port not in busy and is_free(port):
            return port
    raise Unavailable("the local stack", f"no free port between {PORT_RANGE.start} and {PORT_RANGE.stop}")


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def becomes_free(port: int) -> bool:
    """`is_free`, asked for two seconds: a process killed a moment ago may still hold its port."""
    deadline = time.monotonic() + 2.0
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def answers(port: int) -> bool:
    """Whether somebody accepts connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def _port_of(entry: object) -> int | None:
    if not isinstance(entry, dict):
        return None
    given = entry.get("port") or entry.get("bootstrap") or entry.get("url") or entry.get("uri")
    last = str(given).rsplit(":", 1)[-1]
    return int(last) if last.isdigit() else None
