"""Words in Milvus: their scores outlast restarts and new rows, and an index without them says so."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from milvus_stage import TOKEN, Server, until
from pymilvus import CollectionSchema
from store_contract import DIMENSION, access, direction, version

from index import milvus_schema
from index.embedder import ModelSpec
from index.milvus import MilvusStore
from index.milvus_generations import MilvusGenerations
from schemas.errors import IndexUnavailable, KeywordsUnavailable

pytestmark = pytest.mark.live

SPEC = ModelSpec(name="test/model", dimension=DIMENSION, max_tokens=64, fingerprint="f1")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Server]:
    """A server of this test alone."""
    server = Server(tmp_path)
    server.start()
    yield server
    server.kill_if_running()


def generations(server: Server) -> MilvusGenerations:
    return MilvusGenerations(f"http://127.0.0.1:{server.port}", TOKEN, "index")


def connect(server: Server) -> MilvusStore:
    return MilvusStore(f"http://127.0.0.1:{server.port}", TOKEN, "index")


def test_an_index_of_before_words_were_indexed_goes_on_and_says_what_it_cannot(
    own: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = milvus_schema._chunk_schema

    def without_words(spec: ModelSpec) -> CollectionSchema:
        return CollectionSchema([field for field in made(spec).fields if field.name != milvus_schema.WORDS])

    with monkeypatch.context() as before:
        before.setattr(milvus_schema, "_chunk_schema", without_words)
        generations(own).first(SPEC)
    generations(own).first(SPEC)
    store = connect(own)
    written = version("s", "r", 1, ["some words"])
    store.write([written])
    assert [hit.row for hit in store.search(direction(1), access("s"), 5)] == list(written.rows)
    with pytest.raises(KeywordsUnavailable, match="freshline rebuild"):
        store.weigh_words("words", access("s"))
    with pytest.raises(KeywordsUnavailable, match="freshline rebuild"):
        store.search_words({1: 1.0}, access("s"), 5)
    generations(own).make(2, SPEC)
    generations(own).switch(2)
    rebuilt = connect(own)
    rebuilt.write([written])
    assert len(rebuilt.search_words(rebuilt.weigh_words("words", access("s")), access("s"), 5)) == 1


def test_words_score_the_same_before_and_after_a_restart_and_among_new_rows(own: Server) -> None:
    generations(own).first(SPEC)
    store = connect(own)
    store.write([version("s", str(n), 1, [f"printer {'fire ' * (n % 7)} {n}"]) for n in range(300)])
    words = store.weigh_words("printer on fire", access("s"))

    def scores() -> dict[str, float]:
        return {hit.row.record_id: hit.similarity for hit in store.search_words(words, access("s"), 300)}

    before = scores()
    own.end(signal.SIGTERM)
    own.start()
    until(lambda: _answers(scores), "the server to be back")
    assert scores() == before
    store.write([version("s", f"more{n}", 1, ["printer printer printer"]) for n in range(50)])
    assert (
        before.items()
        <= {hit.row.record_id: hit.similarity for hit in store.search_words(words, access("s"), 400)}.items()
    )


def _answers(ask: Callable[[], Any]) -> bool:
    try:
        ask()
    except IndexUnavailable:
        return False
    return True
