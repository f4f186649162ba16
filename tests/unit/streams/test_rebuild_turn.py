"""One rebuild at a time, judged by whether the other one's sign of life changes."""

from dataclasses import replace

import pytest

from index.embedder import ModelSpec
from index.generations import Generation
from schemas.errors import Misconfigured
from streams.rebuild_turn import Turn

MODEL = ModelSpec(name="m", dimension=4, max_tokens=8, fingerprint="f")


class Generations:
    """One live generation; `meanwhile` is what others say of it, one word at each look."""

    def __init__(self, said: str = "", meanwhile: tuple[str, ...] = (), live: bool = True) -> None:
        self.now = Generation(1, MODEL, said) if live else None
        self.meanwhile = list(meanwhile)

    def live(self) -> Generation | None:
        return self.now

    def get(self, number: int) -> Generation | None:
        if self.meanwhile:
            self.note_rebuild(number, self.meanwhile.pop(0))
        return self.now

    def note_rebuild(self, number: int, words: str) -> None:
        assert self.now is not None
        self.now = replace(self.now, rebuild=words)


def turn(generations: Generations) -> Turn:
    return Turn(generations, beat_s=0.002, silence_s=0.05)  # type: ignore[arg-type]


def test_a_turn_is_said_while_it_lasts_and_taken_back() -> None:
    there = Generations()
    with turn(there):
        assert there.now is not None
        assert there.now.rebuild
    assert there.now.rebuild == ""


def test_while_another_is_alive_nobody_gets_a_turn() -> None:
    there = Generations("other.1", ("other.1", "other.2"))
    with pytest.raises(Misconfigured, match="under way"), turn(there):
        pass
    assert there.now is not None
    assert there.now.rebuild == "other.2"


def test_a_dead_ones_turn_is_over() -> None:
    there = Generations("other.1")
    with turn(there) as mine:
        mine.require()


def test_of_two_that_begin_at_once_only_one_goes_on() -> None:
    with pytest.raises(Misconfigured, match="just begun"), turn(Generations("", ("other.1",))):
        pass


def test_one_that_stood_still_so_long_that_another_began_must_end_and_leaves_the_other_alone() -> None:
    there = Generations()
    with turn(there) as mine:
        there.note_rebuild(1, "other.1")
        mine._thread.join(10)
        with pytest.raises(Misconfigured, match="ends here"):
            mine.require()
    assert there.now is not None
    assert there.now.rebuild == "other.1"


def test_where_none_is_live_there_is_no_turn_to_take() -> None:
    with turn(Generations(live=False)) as mine:
        mine.require()
