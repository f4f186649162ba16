"""Two ways to the same stack, behind one interface: native processes, or containers of infra/compose.yaml."""

import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from infra.local.home import Endpoints, Home, becomes_free, choose_ports, secret
from infra.local.processes import replace_text
from infra.local.stack import Stack

COMPOSE_FILE = Path(__file__).resolve().parents[1] / "compose.yaml"
START_LIMIT_SECONDS = 300


class StackProvider(Protocol):
    """What tests and commands need of a stack. All block until done; `up` and `down` are idempotent.

    `name` is a part: postgres, kafka, connect or milvus. Errors: Unavailable, Misconfigured.
    """

    def up(self) -> None: ...
    def down(self) -> None: ...
    def endpoints(self) -> Endpoints: ...
    def restart(self, name: str) -> None: ...
    def kill(self, name: str, sign: signal.Signals = signal.SIGKILL) -> None: ...


NativeProvider = Stack


class DockerProvider:
    """`compose` runs a subcommand of docker compose: pytest-docker's `DockerComposeExecutor.execute`.

    It must have been made with `compose_command(home)`, which carries this home's ports and passwords.
    """

    def __init__(self, home: Path, compose: Callable[[str], object]) -> None:
        self._home, self._compose = Home(home), compose

    def up(self) -> None:
        self._compose(f"up --detach --build --wait --wait-timeout {START_LIMIT_SECONDS}")

    def down(self) -> None:
        self._compose("down")

    def endpoints(self) -> Endpoints:
        return self._home.endpoints(self._home.remembered_ports())

    def restart(self, name: str) -> None:
        self._compose(f"restart {name}")
        self.up()

    def kill(self, name: str, sign: signal.Signals = signal.SIGKILL) -> None:
        self._compose(f"kill --signal {sign.name} {name}")


def compose_command(home: Path) -> str:
    """`docker compose` with the passwords and ports of this home, which it makes the first time.

    They reach compose by an owner-only file, never by the command line.
    """
    place = Home(home)
    place.create()
    remembered = place.remembered_ports()
    ports = choose_ports(remembered, running=remembered, is_free=becomes_free)
    place.remember(ports)
    milvus_password = secret(place.milvus_token).removeprefix("root:")
    replace_text(place.milvus_token, f"root:{milvus_password}", mode=0o600)
    variables = {
        "FRESHLINE_POSTGRES_PASSWORD": secret(place.postgres_password),
        "FRESHLINE_MILVUS_PASSWORD": milvus_password,
        **{f"FRESHLINE_{name.upper()}_PORT": str(port) for name, port in ports.items()},
    }
    file = place.secrets / "compose.env"
    replace_text(file, "".join(f"{name}={value}\n" for name, value in variables.items()), mode=0o600)
    return f"docker compose --env-file {file}"


def docker_works() -> bool:
    """Whether a Docker engine answers within a few seconds."""
    if shutil.which("docker") is None:
        return False
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=5).returncode == 0
    except subprocess.TimeoutExpired:
        return False
