"""The order in which parts come up and go down, with small processes in their place."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from infra.local import stack as stack_module
from infra.local.home import Ports
from infra.local.part import Part
from infra.local.processes import Launch, Record
from infra.local.stack import Stack
from schemas.errors import Unavailable


class Sleeper(Part):
    """Healthy as long as it runs; its command can be made one that fails."""

    name = "postgres"
    command: Sequence[str] = ("sleep", "60")

    def launch(self) -> Launch:
        return Launch(self.command, dict(os.environ), self.home.root, fingerprint=str(self.port))

    def healthy(self) -> bool:
        return True


class Dependent(Sleeper):
    name = "connect"
    needs = ("postgres",)


class Broken(Sleeper):
    command = ("sh", "-c", "echo the disk is full; exit 1")
    start_limit = 5.0

    def healthy(self) -> bool:
        return False


class SmallStack(Stack):
    first: type[Part] = Sleeper

    def _parts(self, ports: Ports) -> list[Part]:
        makers = (self.first, Dependent)
        return [maker(self._home, ports.get(maker.name, 0), self._report) for maker in makers]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def stack(tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallStack]:
    monkeypatch.setattr(stack_module.prerequisites, "ensure", lambda report: None)
    monkeypatch.setattr(stack_module.jars, "resolve", lambda jars, report: None)
    monkeypatch.setattr(stack_module, "becomes_free", lambda port: True)
    stack = SmallStack(tmp_path, said.append)
    yield stack
    stack.down()


def pids(stack: Stack) -> list[int | None]:
    return [part.pid for part in stack.status()]


def test_a_part_starts_after_those_it_needs(stack: SmallStack, said: list[str]) -> None:
    stack.up()
    assert [part.state for part in stack.status()] == ["running", "running"]
    assert said[0] == "postgres: starting"
    assert said[1].startswith("postgres: ready on port")
    assert said[2] == "connect: starting"


def test_a_second_up_changes_and_says_nothing(stack: SmallStack, said: list[str]) -> None:
    stack.up()
    before, spoken = pids(stack), len(said)
    stack.up()
    assert pids(stack) == before
    assert len(said) == spoken


def test_up_repairs_what_was_killed_and_leaves_the_rest_alone(stack: SmallStack) -> None:
    stack.up()
    first, second = pids(stack)
    stack.kill("connect")
    assert [part.state for part in stack.status()] == ["running", "stopped"]
    stack.up()
    assert pids(stack)[0] == first
    assert pids(stack)[1] not in (second, None)


def test_a_part_that_fails_is_named_with_its_last_words_and_what_needs_it_is_not_started(
    stack: SmallStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "first", Broken)
    with pytest.raises(Unavailable, match=r"postgres is not available: it ended(.|\n)*the disk is full"):
        stack.up()
    assert stack.status()[1].state == "stopped"


def test_another_configuration_restarts_the_part(stack: SmallStack, tmp_path: Path) -> None:
    stack.up()
    before = pids(stack)
    file = tmp_path / "pids" / "postgres.json"
    record = Record.read(file)
    assert record is not None
    Record(record.pid, record.started, record.command, "an older one").write(file)
    stack.up()
    assert pids(stack)[0] != before[0]
    assert pids(stack)[1] == before[1]


def test_down_leaves_no_process_and_can_be_repeated(stack: SmallStack) -> None:
    stack.up()
    stack.down()
    stack.down()
    assert pids(stack) == [None, None]


def test_down_does_not_touch_a_process_that_was_given_the_pid_later(stack: SmallStack, tmp_path: Path) -> None:
    stack.up()
    stack.down()
    Record(os.getpid(), started=1.0, command=["sleep", "60"], fingerprint="").write(tmp_path / "pids" / "postgres.json")
    stack.down()
    assert not (tmp_path / "pids" / "postgres.json").exists()


def test_down_before_the_first_up_does_nothing(tmp_path: Path) -> None:
    SmallStack(tmp_path / "none", print).down()
    assert not (tmp_path / "none").exists()


def test_erase_leaves_nothing_but_the_lock(stack: SmallStack, tmp_path: Path) -> None:
    stack.up()
    stack.erase()
    assert [path.name for path in tmp_path.iterdir()] == ["stack.lock"]
