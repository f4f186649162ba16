"""The store in Milvus: every promise of a store, and what may happen to a server and to a writer."""

import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from milvus_stage import TOKEN, Server, until
from store_contract import DIMENSION, StoreContract, access, at, direction, version

from index.embedder import ModelSpec
from index.generations import Generation
from index.milvus import MilvusStore
from index.milvus_generations import MilvusGenerations
from index.store import Held, Row, Version
from schemas.errors import IndexUnavailable, Rejected

pytestmark = pytest.mark.live

SPEC = ModelSpec(name="test/model", dimension=DIMENSION, max_tokens=64, fingerprint="f1")


class Crash(Exception):
    """In place of the writer's death."""


def connect(server: Server, name: str = "index", token: str = TOKEN, timeout: float = 10.0) -> MilvusStore:
    return MilvusStore(f"http://127.0.0.1:{server.port}", token, name, timeout)


def first(server: Server, spec: ModelSpec = SPEC) -> Generation:
    """The live generation, made if there is none."""
    return MilvusGenerations(f"http://127.0.0.1:{server.port}", TOKEN, "index").first(spec)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("milvus"))
    server.start()
    yield server
    server.kill_if_running()


@pytest.fixture(scope="module")
def opened(shared: Server) -> MilvusStore:
    first(shared)
    return connect(shared)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server of this test alone, to be killed."""
    server = Server(tmp_path)
    server.start()
    yield server
    server.kill_if_running()


def dying(store: MilvusStore, calls: int) -> MilvusStore:
    """The same store in a writer that dies after so many calls to Milvus."""
    left = iter(range(calls))
    again = MilvusStore("", "", "index")

    class Connection:
        def __getattr__(self, name: str) -> Any:
            if next(left, None) is None:
                raise Crash
            return getattr(store._milvus, name)

    again._milvus, again._names = Connection(), store.names  # type: ignore[assignment]
    return again


def everything(store: MilvusStore, record_id: str) -> list[tuple[str, int]]:
    """(position, chunk) of every row that lies in Milvus, whether or not a head tells of it."""
    rows = store._query(store.names.chunks, f'record_id == "{record_id}"', ["position", "chunk"])
    return sorted((row["position"], row["chunk"]) for row in rows)


def texts(size: int) -> list[str]:
    return [f"{n} of {size}" for n in range(size)]


class TestMilvusStore(StoreContract):
    @pytest.fixture
    def store(self, opened: MilvusStore) -> MilvusStore:
        return opened

    @pytest.mark.parametrize("sizes", [(0, 3), (1, 3), (3, 1), (4, 2), (2, 2), (3, 0)], ids=str)
    @pytest.mark.parametrize("after", [0, 1, 2, 3])
    @pytest.mark.parametrize("then", ["same", "newer", "delete"])
    def test_a_writer_that_dies_midway_leaves_what_the_next_one_completes(
        self, store: MilvusStore, source: str, sizes: tuple[int, int], after: int, then: str
    ) -> None:
        before, written = version(source, "r", 1, texts(sizes[0])), version(source, "r", 2, texts(sizes[1]))
        self.replaced(store, before)
        try:
            dying(store, after).write([replace(written, chunks_before=sizes[0])])
        except Crash:
            assert self.held(store, written).position in (at(1), at(2))
        last = {"same": written, "newer": version(source, "r", 3, ["new"]), "delete": version(source, "r", 3, [])}[then]
        assert self.replaced(store, last) == Held(last.position, last.rows)
        assert everything(store, last.record_id) == [(last.position, chunk) for chunk in range(len(last.rows))]

    def test_a_reader_never_misses_a_record_while_it_is_rewritten(self, store: MilvusStore, source: str) -> None:
        self.replaced(store, version(source, "r", 0, texts(2)))

        def rewrite() -> None:
            for number in range(1, 40):
                self.replaced(store, version(source, "r", number, texts(number % 3 + 1)))

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(rewrite)
            while not writing.done():
                assert ("r", 0) in self.found(store, source)
            writing.result()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"title": "x" * 65_536},
            {"text_hash": "x" * 65},
            {"event_ms": 2**63},
            {"title": "half a pair: \ud83d"},
            {"vector": direction(1)[:-1]},
        ],
        ids=lambda wrong: next(iter(wrong)),
    )
    def test_content_that_milvus_does_not_take_is_refused_not_waited_for(
        self, store: MilvusStore, source: str, wrong: dict[str, Any]
    ) -> None:
        good = version(source, "r", 1, ["a"])
        bad = replace(good, rows=(replace(good.rows[0], **wrong),))
        with pytest.raises(Rejected, match="Milvus refused it") as rejected:
            store.write([bad])
        assert rejected.value.reason == "index_refused"
        assert self.replaced(store, good) == Held(at(1), good.rows)

    def test_a_delete_of_an_impossibly_long_name_is_refused_not_waited_for(
        self, store: MilvusStore, source: str
    ) -> None:
        with pytest.raises(Rejected):
            store.write([version(source, "x" * 3000, 1, [])])

    def test_chunks_that_no_head_tells_of_are_told_apart_and_swept_away(self, store: MilvusStore, source: str) -> None:
        whole, headless = version(source, "whole", 1, ["a", "b"]), version(source, "headless", 1, ["a", "b", "c"])
        store.write([whole, headless])
        store._delete([headless.rows[0].chunk_id])
        stray = replace(whole.rows[0], chunk=7)
        store._upsert([stray])
        strays = store.strays([whole.record_id, headless.record_id])
        assert {name: sorted(mark.chunk for mark in marks) for name, marks in strays.items()} == {
            whole.record_id: [7],
            headless.record_id: [1, 2],
        }
        store.sweep([whole.record_id, headless.record_id])
        assert [mark.chunk_id for page in store.marks(source) for mark in page] == [r.chunk_id for r in whole.rows]

    def test_the_largest_rows_fit_in_a_write(self, store: MilvusStore, source: str) -> None:
        """A batch over gRPC's limit of a message would be refused for ever."""
        wide = "x" * 65_535
        big = version(source, "r", 1, texts(600))
        rows: Sequence[Row] = [replace(row, title=wide, text=wide, metadata=wide) for row in big.rows]
        store.write([replace(big, rows=tuple(rows))])
        assert store.count(source) == 1
        store.write([Version(big.record_id, at(2), (), 600)])


def test_an_index_has_the_model_it_was_made_for_whoever_asks_for_another_later(own: Server) -> None:
    first(own)
    written = version("s", "r", 1, ["a"])
    connect(own).write([written])
    others = [
        SPEC,
        replace(SPEC, fingerprint="f2"),
        replace(SPEC, name="other/model"),
        replace(SPEC, dimension=8),
        replace(SPEC, query_prefix="query: "),
    ]
    assert [first(own, other) for other in others] == [Generation(1, SPEC)] * 5
    own.end(signal.SIGKILL)
    own.start()
    assert first(own, others[1]) == Generation(1, SPEC)
    assert connect(own).held([written.record_id])[written.record_id].rows == written.rows


def test_several_workers_may_make_a_new_index_at_once(own: Server) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda n: first(own, replace(SPEC, fingerprint=str(n))), range(4)))
    assert len(set(map(repr, made))) == 1
    connect(own).write([version("s", "r", 1, ["a"])])
    assert connect(own).count("s") == 1


def test_a_server_that_is_away_is_said_so_and_found_again_when_it_returns(own: Server) -> None:
    first(own)
    store = connect(own)
    store.write([version("s", "kept", 1, ["a"])])
    own.end(signal.SIGKILL)
    for _ in range(20):
        assert_away(store)
    assert_away(connect(own))
    own.start()
    until(lambda: answers(store), "the store to find the server again")
    assert store.count("s") == 1
    store.write([version("s", "later", 2, ["b"])])
    assert len(store.search(direction(1), access("s"), 10)) == 2


def test_a_server_that_hangs_is_away_after_the_timeout(own: Server) -> None:
    first(own)
    store = connect(own, timeout=0.5)
    assert answers(store)
    os.kill(own.process.pid, signal.SIGSTOP)
    try:
        assert_away(store)
    finally:
        os.kill(own.process.pid, signal.SIGCONT)
    until(lambda: answers(store), "the store to find the server again")


def test_a_wrong_token_is_never_served(own: Server) -> None:
    first(own)
    assert_away(connect(own, token="wrong"))


def answers(store: MilvusStore) -> bool:
    try:
        store.count("s")
    except IndexUnavailable:
        return False
    return True


def assert_away(store: MilvusStore) -> None:
    written = version("s", "r", 1, ["a"])
    for call in (
        lambda: store.held([written.record_id]),
        lambda: store.write([written]),
        lambda: store.search(direction(1), access("s"), 5),
        lambda: store.count("s"),
    ):
        with pytest.raises(IndexUnavailable):
            call()
