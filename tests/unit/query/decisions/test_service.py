"""The decision log as it runs: heads and copies are made beside the answers, once more at the end, by one process."""

import threading
from pathlib import Path

import pytest
from decision_stage import all_of, draft, making, record

from query.decisions.keys import PUBLIC, audit_folder, load_public
from query.decisions.memory import MemoryDecisions
from query.decisions.postgres import PostgresDecisions
from query.decisions.service import FILE, DecisionLog, Keeper, open_store
from query.decisions.sqlite import SqliteDecisions
from query.decisions.verify import verify
from schemas.errors import Misconfigured, Unavailable
from schemas.settings import Settings

LONG_S = 600.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, kafka="127.0.0.1:1")


def test_a_stopped_log_ends_with_a_signed_head_over_all_of_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.decisions.service.KafkaCopies", Away)
    log = DecisionLog(settings)
    log.start()
    ids = [record(log.recorder) for _ in range(5)]
    log.stop()
    found = all_of(SqliteDecisions(settings.home / FILE))
    report = verify(found, load_public(audit_folder(settings.home) / PUBLIC))
    assert report.clean
    last = found[-1].opened().head
    assert last is not None
    assert last.size == len(found) - 1
    assert set(ids) <= {entry.opened().id for entry in found}


class Away:
    def __init__(self, bootstrap: str) -> None: ...

    def last(self) -> None:
        raise Unavailable("Kafka", "no route")


def test_work_that_fails_is_logged_once_begun_anew_and_said_to_work_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    begun, done = [], threading.Event()

    def begin():
        begun.append(1)

        def work() -> None:
            if len(begun) < 4:
                raise Unavailable("Kafka", "no route")
            done.set()

        return work

    keeper = Keeper(MemoryDecisions(), "copy", begin, every_s=0.001)
    keeper.start()
    assert done.wait(10)
    keeper.stop()
    assert [log.getMessage() for log in caplog.records] == [
        "decision log, copy: unavailable: Kafka is not available: no route",
        "decision log, copy: works again",
    ]
    assert len(begun) == 4


def test_only_one_works_and_another_takes_over_when_it_ends() -> None:
    store, works = MemoryDecisions(), {name: threading.Event() for name in ("first", "second")}
    first = Keeper(store, "seal", lambda: works["first"].set, every_s=LONG_S)
    first.start()
    assert works["first"].wait(10)
    second = Keeper(store, "seal", lambda: works["second"].set, every_s=0.001)
    second.start()
    assert not works["second"].is_set()
    first.stop()
    assert works["second"].wait(10)
    second.stop()
    assert not first.is_alive()
    assert not second.is_alive()


def test_what_came_while_it_worked_is_worked_on_before_the_end() -> None:
    store, seen, working, go_on = MemoryDecisions(), [], threading.Event(), threading.Event()

    def work() -> None:
        seen.append(len(all_of(store)))
        working.set()
        assert go_on.wait(10)

    keeper = Keeper(store, "seal", lambda: work, every_s=LONG_S)
    keeper.start()
    assert working.wait(10)
    store.append(making(draft(1)))
    keeper._stopping.set()
    go_on.set()
    keeper.stop()
    assert seen == [0, 1]


def test_an_unexpected_failure_does_not_end_it_and_its_words_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    tries, again = [], threading.Event()

    def work() -> None:
        tries.append(1)
        if len(tries) > 1:
            again.set()
        raise RuntimeError("the question was: salaries")

    keeper = Keeper(MemoryDecisions(), "seal", lambda: work, every_s=0.001)
    keeper.start()
    assert again.wait(10)
    keeper.stop()
    assert "RuntimeError" in caplog.text
    assert "salaries" not in caplog.text


def test_the_store_is_sqlite_unless_a_url_names_postgresql(settings: Settings) -> None:
    assert isinstance(open_store(settings), SqliteDecisions)
    url = settings.model_copy(update={"decisions_url": "postgresql://audit@127.0.0.1:1/audit"})
    assert isinstance(open_store(url), PostgresDecisions)


@pytest.mark.parametrize("url", ["postgresql://audit:hunter2@db/audit", "host=db password=hunter2", "no url hunter2"])
def test_a_url_with_a_password_or_that_is_none_is_refused_without_showing_it(settings: Settings, url: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        open_store(settings.model_copy(update={"decisions_url": url}))
    assert "hunter2" not in str(refused.value)
