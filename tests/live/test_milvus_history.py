"""The history in Milvus keeps every promise of a history, and goes with its generation."""

from collections.abc import Iterator
from typing import cast

import pytest
from history_contract import History, HistoryContract, Pair, past
from milvus_stage import TOKEN, Server
from store_contract import DIMENSION, version

from index.embedder import ModelSpec
from index.milvus import MilvusStore
from index.milvus_generations import MilvusGenerations
from index.milvus_history import MilvusHistory
from index.milvus_schema import Names
from schemas.errors import IndexUnavailable

pytestmark = pytest.mark.live

SPEC = ModelSpec(name="test/model", dimension=DIMENSION, max_tokens=64, fingerprint="f1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("milvus"))
    server.start()
    yield server
    server.kill_if_running()


def history(server: Server, generation: int = 1) -> MilvusHistory:
    return MilvusHistory(f"http://127.0.0.1:{server.port}", TOKEN, Names("index", generation))


@pytest.fixture(scope="module")
def opened(server: Server) -> Pair:
    uri = f"http://127.0.0.1:{server.port}"
    MilvusGenerations(uri, TOKEN, "index").first(SPEC)
    kept = history(server)
    kept.prepare(SPEC)
    kept.prepare(SPEC)
    return Pair(MilvusStore(uri, TOKEN, "index"), cast(History, kept))


class TestMilvusHistory(HistoryContract):
    @pytest.fixture
    def pair(self, opened: Pair) -> Pair:
        return opened


def test_a_generation_has_no_history_until_it_is_made_and_takes_it_along_when_it_goes(server: Server) -> None:
    generations = MilvusGenerations(f"http://127.0.0.1:{server.port}", TOKEN, "index")
    generations.make(2, SPEC)
    kept = history(server, 2)
    kept.drop()
    assert kept.since() == {}
    with pytest.raises(IndexUnavailable):
        kept.keep(past(version("s", "r", 1, ["a"]), 10, 20))
    kept.prepare(SPEC)
    kept.begin("s", 5)
    kept.keep(past(version("s", "r", 1, ["a"]), 10, 20))
    assert kept.since() == {"s": 5}
    generations.drop(2)
    assert (kept.since(), generations.get(2)) == ({}, None)
