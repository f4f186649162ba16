"""Generations in Milvus: one is live, by an alias that turns at once and survives whatever happens to the server."""

import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from milvus_stage import TOKEN, Server
from store_contract import DIMENSION, access, direction, version

from index.embedder import ModelSpec
from index.generations import Generation, Hold
from index.milvus import MilvusStore
from index.milvus_generations import MilvusGenerations
from index.milvus_schema import Names, make_collections
from schemas.errors import IndexUnavailable, Misconfigured

pytestmark = pytest.mark.live

SPEC = ModelSpec(name="test/model", dimension=DIMENSION, max_tokens=64, fingerprint="f1")
OTHER = ModelSpec(name="other/model", dimension=8, max_tokens=32, query_prefix="query: ", fingerprint="f2")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.kill_if_running()


@pytest.fixture
def generations(server: Server) -> MilvusGenerations:
    return MilvusGenerations(f"http://127.0.0.1:{server.port}", TOKEN, "index")


def store(server: Server, generation: int | None = None) -> MilvusStore:
    return MilvusStore(f"http://127.0.0.1:{server.port}", TOKEN, "index", generation=generation)


def test_before_the_first_there_is_none_and_a_store_says_so(server: Server, generations: MilvusGenerations) -> None:
    assert (generations.live(), generations.live_number(), generations.all()) == (None, None, [])
    with pytest.raises(IndexUnavailable, match="worker"):
        store(server).count("s")


def test_a_generation_of_another_model_is_made_beside_the_live_one_and_replaces_it(
    server: Server, generations: MilvusGenerations
) -> None:
    assert generations.first(SPEC) == Generation(1, SPEC)
    store(server).write([version("s", "old", 1, ["a"])])
    assert generations.make(2, OTHER) == Generation(2, OTHER)
    assert (generations.live(), store(server).count("s")) == (Generation(1, SPEC), 1)
    generations.switch(2)
    assert generations.live() == Generation(2, OTHER)
    assert (store(server).count("s"), store(server, 1).count("s")) == (0, 1)
    server.end(signal.SIGKILL)
    server.start()
    assert generations_after(server) == (2, [1, 2])


def generations_after(server: Server) -> tuple[int | None, list[int]]:
    again = MilvusGenerations(f"http://127.0.0.1:{server.port}", TOKEN, "index")
    return again.live_number(), [one.number for one in again.all()]


def test_a_writer_stays_with_the_generation_it_began_with(server: Server, generations: MilvusGenerations) -> None:
    generations.first(SPEC)
    zombie = store(server)
    zombie.write([version("s", "r", 1, ["a"])])
    generations.make(2, SPEC)
    generations.switch(2)
    zombie.write([version("s", "late", 2, ["b"])])
    assert (store(server, 1).count("s"), store(server, 2).count("s")) == (2, 0)


def test_what_is_said_of_a_generation_is_kept_and_taken_back(generations: MilvusGenerations) -> None:
    generations.first(SPEC)
    hold = Hold("id", 2)
    generations.hold(1, hold)
    generations.acknowledge(1, hold, [0, 3])
    generations.acknowledge(1, Hold("other", 2), [3])
    generations.note_fed(1, {0: 7, 3: 0})
    generations.note_rebuild(1, "words")
    live = generations.live()
    assert live == Generation(1, SPEC, "words", hold, {0: "id", 3: "other"}, {0: 7, 3: 0})
    assert live.held_for(hold) == {0}
    generations.hold(1, None)
    generations.note_rebuild(1, "")
    assert generations.live() == replace(live, rebuild="", hold=None)


def test_the_live_one_is_never_dropped_and_a_dropped_one_leaves_nothing(
    server: Server, generations: MilvusGenerations
) -> None:
    generations.first(SPEC)
    generations.make(2, SPEC)
    generations.switch(2)
    with pytest.raises(Misconfigured, match="live"):
        generations.drop(2)
    generations.drop(1)
    assert generations.all() == [Generation(2, SPEC)]
    client = server.client()
    assert sorted(client.list_collections()) == ["index_g2_chunks", "index_g2_deleted"]


def test_where_none_of_several_is_live_nobody_guesses(server: Server, generations: MilvusGenerations) -> None:
    generations.first(SPEC)
    generations.make(2, SPEC)
    server.client().drop_alias("index_chunks")
    with pytest.raises(Misconfigured, match="freshline rebuild"):
        generations.first(SPEC)


def test_a_first_start_that_crashed_midway_is_completed(server: Server, generations: MilvusGenerations) -> None:
    make_collections(server.client(), Names("index", 1), SPEC)
    server.client().drop_collection("index_g1_deleted")
    assert generations.first(OTHER) == Generation(1, SPEC)
    store(server).write([version("s", "r", 1, ["a"]), version("s", "gone", 1, [])])
    assert store(server).count("s") == 1


def test_an_index_from_before_there_were_generations_becomes_the_first(
    server: Server, generations: MilvusGenerations
) -> None:
    generations.first(SPEC)
    store(server).write([version("s", "r", 1, ["a"]), version("s", "gone", 3, [])])
    client = server.client()
    client.drop_alias("index_chunks")
    for kind in ("chunks", "deleted"):
        client.rename_collection(f"index_g1_{kind}", f"index_{kind}")
    assert generations.live() is None
    assert generations.first(OTHER) == Generation(1, SPEC)
    assert store(server).count("s") == 1
    assert store(server).held(["s/s.t/gone"])["s/s.t/gone"].position == version("s", "gone", 3, []).position


def test_running_searches_see_one_generation_or_the_other_and_never_fail_while_the_alias_turns(
    server: Server, generations: MilvusGenerations
) -> None:
    generations.first(SPEC)
    generations.make(2, SPEC)
    for number in (1, 2):
        store(server, number).write([version("s", str(n), number, ["a"]) for n in range(20)])
    over, seen = threading.Event(), set()

    def search() -> None:
        while not over.is_set():
            live = generations.live_number()
            found = store(server, live).search(direction(1), access("s"), 30)
            seen.add((len(found), len({hit.row.position for hit in found})))

    readers = [threading.Thread(target=search) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(20):
        generations.switch(turn % 2 + 1)
    over.set()
    for reader in readers:
        reader.join(20)
    assert seen == {(20, 1)}
