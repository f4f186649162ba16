"""Missing programs are installed by root, and named with the exact command to anybody else."""

import subprocess

import pytest

from infra.local import prerequisites
from infra.local.prerequisites import Prerequisite, ensure
from schemas.errors import Misconfigured


class Machine:
    """A machine without Maven, on which installing works (or, if told so, does not help)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, uid: int, helps: bool = True) -> None:
        self.ran: list[list[str]] = []
        self._helps = helps
        maven = Prerequisite("Maven", lambda: bool(self.ran) and helps, {"apt-get": "maven"})
        here = Prerequisite("Java", lambda: True, {"apt-get": "java"})
        monkeypatch.setattr(prerequisites, "PREREQUISITES", (here, maven))
        monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}" if name == "apt-get" else None)
        monkeypatch.setattr("os.geteuid", lambda: uid)
        monkeypatch.setattr("subprocess.run", self._run)

    def _run(self, command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        self.ran.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")


def test_root_installs_what_is_missing_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, said = Machine(monkeypatch, uid=0), list[str]()
    ensure(said.append)
    install = ["apt-get", "install", "--yes", "--no-install-recommends", "maven"]
    assert machine.ran == [["apt-get", "update"], install]
    assert said == ["prerequisites: installing Maven with apt-get"]


def test_others_are_told_the_exact_command(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, uid=1000)
    with pytest.raises(Misconfigured, match="Maven") as refusal:
        ensure(print)
    command = "sudo apt-get update && sudo apt-get install --yes --no-install-recommends maven"
    assert command in str(refusal.value)
    assert machine.ran == []


def test_an_installation_that_does_not_help_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, uid=0, helps=False)
    with pytest.raises(Misconfigured, match="still missing or too old: Maven"):
        ensure(print)


def test_a_second_check_on_a_complete_machine_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    said = list[str]()
    monkeypatch.setattr(prerequisites, "PREREQUISITES", ())
    ensure(said.append)
    assert said == []
