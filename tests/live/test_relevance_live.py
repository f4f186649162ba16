"""What the prepared model makes of real texts: how well each relevance finds, and what they cost as context."""

from pathlib import Path

import pytest
from client_stage import a_hit

from bench.milvus import server
from bench.retrieval.labelled import texts
from bench.retrieval.measure import measure, summary
from index.embedder import Embedder
from index.models.files import TOKENIZER, prepared_folder
from index.models.load import load_embedder
from query.context.fit import pack
from query.context.tokenizer import EmbedderTokenizer, FileTokenizer

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def embedder(live_home: Path) -> Embedder:
    return load_embedder("auto", live_home, cores=2)


def test_real_texts_are_packed_into_every_budget_and_both_ways_to_count_agree(
    embedder: Embedder, live_home: Path
) -> None:
    hits = [a_hit(one.name, title=one.title, text=one.text) for one in texts()[:40]]
    own, file = EmbedderTokenizer(embedder), FileTokenizer(prepared_folder(live_home) / TOKENIZER)
    for budget in (1, 150, 600, 2_400, 1_000_000):
        packed = pack(hits, budget, own)
        assert file.count([packed.text]) == [packed.tokens.used]
        assert packed.tokens.used <= budget
    assert (packed.hits, packed.tokens.left_out) == (hits, 0)


@pytest.mark.long
def test_hybrid_finds_at_least_as_well_as_meaning_and_words_alone(embedder: Embedder, tmp_path: Path) -> None:
    with server(tmp_path) as (uri, token):
        found = summary(*measure(uri, token, embedder, print))
    for half in ("all", "held out"):
        assert found[half]["hybrid"] >= max(found[half]["dense"], found[half]["bm25"])
