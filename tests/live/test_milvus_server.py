"""The Milvus Lite server as its clients meet it: many at once, killed, torn, out of disk, without a token."""

import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import psutil
import pytest
from milvus_stage import (
    ROWS,
    WAIT_S,
    Server,
    Writer,
    assert_nothing_lost,
    create_rows,
    free_port,
    row,
    until,
    vector,
    versions,
)
from pymilvus import MilvusClient, MilvusException
from pymilvus.grpc_gen import milvus_pb2, milvus_pb2_grpc

pytestmark = pytest.mark.live


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.kill_if_running()


def test_kill_amid_eight_writers_loses_no_acknowledged_row_nor_delete(server: Server) -> None:
    create_rows(server.start().client())
    for round_ in range(3):  # from the second on, logs of a killed server lie there as well
        writers = [Writer(server, f"w{number}", round_ * 10_000) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            done = [pool.submit(writer.run, threading.Event()) for writer in writers]
            until(lambda counted=writers: sum(writer.rows for writer in counted) > 600, "600 rows")
            server.end(signal.SIGKILL)
            for future in done:
                future.result(WAIT_S)
        assert_nothing_lost(versions(server.start().client()), writers)


def test_rows_written_while_the_server_starts_are_kept(server: Server) -> None:
    create_rows(server.start().client())
    server.client().upsert(ROWS, [row(f"old-{number}") for number in range(300)])
    server.end(signal.SIGKILL)
    keep_trying = threading.Event()
    keep_trying.set()
    writers = [Writer(server, f"w{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(writer.run, keep_trying) for writer in writers]
        server.start()
        until(lambda: all(writer.rows > 20 for writer in writers), "each writer's first rows")
        keep_trying.clear()
        server.end(signal.SIGKILL)
        for future in done:
            future.result(WAIT_S)
    found = versions(server.start().client())
    assert_nothing_lost(found, writers)
    assert sum(key.startswith("old-") for key in found) == 300


def test_readers_never_see_an_older_version_than_before(server: Server) -> None:
    """The small memtable makes the server flush and compact many times meanwhile."""
    create_rows(server.start(memtable_mb=0.05).client())
    server.client().upsert(ROWS, [row("only", version=1)])
    finished = threading.Event()

    def look(read: Callable[[MilvusClient], list[int]]) -> list[list[int]]:
        client, seen = server.client(), []
        while not finished.is_set():
            seen.append(read(client))
        return seen

    def by_get(client: MilvusClient) -> list[int]:
        return [hit["version"] for hit in client.get(ROWS, ["only"], output_fields=["version"])]

    def by_search(client: MilvusClient) -> list[int]:
        hits = client.search(ROWS, [vector(1)], limit=5, filter="label in [1]", output_fields=["version"])
        return [hit["entity"]["version"] for hit in hits[0]]

    with ThreadPoolExecutor(4) as pool:
        looks = [pool.submit(look, read) for read in (by_get, by_search, by_get)]
        try:
            writing = server.client()
            for version in range(2, 400):
                writing.upsert(ROWS, [row("only", version)])
        finally:
            finished.set()
        for found in looks:
            seen = found.result(WAIT_S)
            assert all(len(answer) == 1 for answer in seen), "exactly one version at any time"
            assert seen == sorted(seen)
            assert len(seen) > 10


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.99], ids=["empty", "half", "almost whole"])
def test_a_torn_index_file_is_rebuilt_and_no_row_is_lost(server: Server, keep: float) -> None:
    client = server.start().client()
    create_rows(client)
    client.upsert(ROWS, [row(f"r{number}", version=number, label=number % 3) for number in range(90)])
    client.flush(ROWS)
    until(lambda: server.files("partitions/*/indexes/*.idx"), "the vector index file")
    until(lambda: server.files("partitions/*/indexes/*.sidx"), "the label index file")
    server.end(signal.SIGKILL)
    torn = server.files("partitions/*/indexes/*")
    for file in torn:
        file.write_bytes(file.read_bytes()[: int(file.stat().st_size * keep)])
    client = server.start().client()
    hits = client.search(ROWS, [vector(5)], limit=100, filter="label in [1, 2]", output_fields=["label"])[0]
    assert (len(versions(client)), len(hits), hits[0]["id"]) == (90, 60, "r5")
    assert all(f"index file {file.name} was torn" in server.log.read_text() for file in torn)


def test_a_torn_end_of_the_log_costs_no_acknowledged_row(server: Server) -> None:
    client = server.start(memtable_mb=8).client()
    create_rows(client)
    client.upsert(ROWS, [row("kept")])
    until(lambda: server.files("wal/wal_data_*"), "the log")
    (log,) = server.files("wal/wal_data_*")
    size = log.stat().st_size
    client.upsert(ROWS, [row("torn")])
    server.end(signal.SIGKILL)
    log.write_bytes(log.read_bytes()[: size + 700])  # as if killed in the midst of the second write
    client = server.start().client()
    client.upsert(ROWS, [row("later")])
    server.end(signal.SIGKILL)
    assert versions(server.start().client()) == {"kept": 1, "later": 1}


def test_a_flushed_log_left_behind_brings_back_neither_old_nor_deleted_rows(server: Server) -> None:
    client = server.start().client()
    create_rows(client)
    client.upsert(ROWS, [row("updated", version=1), row("deleted")])
    server.end(signal.SIGKILL)
    (log,) = server.files("wal/*")
    copy = shutil.copy(log, server.data.parent / "log-of-the-killed-server")
    client = server.start().client()
    client.upsert(ROWS, [row("updated", version=2)])
    client.delete(ROWS, ids=["deleted"])
    client.flush(ROWS)
    server.end(signal.SIGKILL)
    shutil.copy(copy, log)  # as if killed before the flush had removed it
    client = server.start().client()
    assert versions(client) == {"updated": 2}
    got = client.get(ROWS, ["updated", "deleted"], output_fields=["version"])
    assert [(hit["id"], hit["version"]) for hit in got] == [("updated", 2)]


def test_a_half_created_collection_does_not_block_creating_it(server: Server) -> None:
    (server.data / "collections" / ROWS).mkdir(parents=True)
    create_rows(server.start().client())
    assert versions(server.client()) == {}


def test_a_disk_that_refuses_a_write_stops_the_server_and_loses_nothing(server: Server) -> None:
    create_rows(server.start(memtable_mb=64).client())
    psutil.Process(server.process.pid).rlimit(psutil.RLIMIT_FSIZE, (300_000, 300_000))
    writer = Writer(server, "w")
    writer.run(threading.Event())
    assert server.wait() == 70
    assert "free disk space" in server.log.read_text()
    assert writer.rows > 0
    assert_nothing_lost(versions(server.start().client()), [writer])


@pytest.mark.parametrize("metadata", [[], [("authorization", "d3Jvbmc=")]], ids=["missing", "wrong"])
def test_a_call_without_the_token_is_unauthenticated_and_does_nothing(
    server: Server, metadata: list[tuple[str, str]]
) -> None:
    create_rows(server.start().client())
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        drop = milvus_pb2_grpc.MilvusServiceStub(channel).DropCollection
        with pytest.raises(grpc.RpcError) as refused:
            drop(milvus_pb2.DropCollectionRequest(collection_name=ROWS), metadata=metadata, timeout=WAIT_S)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert server.client().has_collection(ROWS)


@pytest.mark.parametrize("token", ["", "wrong"])
def test_a_client_with_a_missing_or_wrong_token_cannot_connect(server: Server, token: str) -> None:
    server.start()
    with pytest.raises(MilvusException):
        server.client(token).list_collections()


def test_a_second_server_on_the_same_folder_or_port_is_refused_in_words(server: Server) -> None:
    server.start()
    attempts = {
        "is served by another process": server.spawn(server.data, free_port()),
        "choose another port": server.spawn(server.data.with_name("other"), server.port),
    }
    for words, second in attempts.items():
        assert (second.communicate(timeout=WAIT_S)[0], second.returncode) == ("", 1)
        assert words in server.log.read_text()
    assert server.client().list_collections() == []


def test_what_the_index_needs_works_and_survives_a_clean_restart(server: Server) -> None:
    client = server.start().client()
    create_rows(client)
    client.upsert(ROWS, [row(f"r{number}", version=number, label=number % 5) for number in range(50)])
    client.delete(ROWS, ids=["r0", "never-there"])
    client.create_alias(ROWS, "current")
    client.alter_collection_properties(ROWS, {"freshline.prefix": "none"})
    assert server.end(signal.SIGTERM) == 0
    assert server.files("wal/*") == [], "everything is flushed"

    client = server.start().client()
    assert client.query("current", output_fields=["count(*)"])[0]["count(*)"] == 49
    properties = client.describe_collection(ROWS)["properties"]
    assert properties == {"freshline.model": "m1", "freshline.prefix": "none"}
    assert [hit["id"] for hit in client.get(ROWS, ["r3", "r0", "r1"], output_fields=["id"])] == ["r3", "r1"]
    some = client.query(ROWS, filter='label in [1, 2] and source in ["s1"]', output_fields=["label"])
    assert sorted(hit["label"] for hit in some) == [1] * 10 + [2] * 10
    hits = client.search("current", [vector(7)], limit=3, filter="label in [2]", output_fields=["version"])[0]
    assert (hits[0]["id"], hits[0]["entity"]) == ("r7", {"version": 7})
    assert hits[0]["distance"] == pytest.approx(1.0, abs=1e-5)
