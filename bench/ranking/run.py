"""How exact ranking is, how well it finds, what it costs: `make bench-ranking`."""

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pymilvus import MilvusClient

from bench.common.options import Options
from bench.common.page import Section, table
from bench.common.result import Bar, Result
from bench.milvus import new_store, server, write
from bench.ranking.company import SPEC, make_company, make_questions
from bench.ranking.measure import HALF_LIFE_S, MILVUS_DECAY, SEARCH, Bench, K, summary
from bench.retrieval import measure as labelled
from index.models.load import load_embedder
from schemas.settings import Settings

SEED = 5
CHUNKS, QUESTIONS = 20_000, 200
LEAST = {"dense": 1.0, "keyword": 1.0, "hybrid": 0.99}
"""Of the overlap with brute force, by relevance."""
STEPS = 4
"""How often a long step says how far it is."""


def run(options: Options) -> Result:
    """Questions of a labelled set, then questions of a company against brute force and Milvus's decay ranker."""
    chunks, questions = options.size(CHUNKS, 2_000), options.size(QUESTIONS, 20)
    ndcg = find(options.say)
    bench = rank(options.say, chunks, questions)
    found = summary(bench.taken, {name: ndcg["all"][name] for name in labelled.KINDS})
    ratios, bars = judged(found)
    return Result(
        what=f"overlap@{K} of the product's ranking with brute force over every permitted row; nDCG@10 of the labelled "
        "set in bench/retrieval",
        input={
            "seed": SEED,
            "chunks": len(bench.company.rows),
            "questions": questions,
            "one_half_life_seconds": HALF_LIFE_S,
        },
        ratios={**found.pop("ratios"), **ratios},
        measured={"latency_ms": found["latency_ms"], "searches_per_question": found["searches_per_question"]},
        bars=bars,
        more={**found, "ndcg_by_kind": ndcg},
    )


def judged(found: dict[str, Any]) -> tuple[dict[str, float], dict[str, Bar]]:
    """Ratios that have a bar, and their bars: nearly no answer may differ, and hybrid must be better than either."""
    ratios = {f"overlap with brute force, {name}": float(found[f"overlap_{name}"]) for name in LEAST}
    bars = {f"overlap with brute force, {name}": Bar.at_least(least) for name, least in LEAST.items()}
    better = "nDCG@10, hybrid / the better of dense and BM25"
    ndcg = found["ndcg"]
    ratios[better], bars[better] = round(ndcg["hybrid"] / max(ndcg["dense"], ndcg["bm25"]), 4), Bar.at_least(1.0)
    return ratios, bars


def find(say: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """nDCG by kind of question, with the prepared model."""
    settings = Settings.load(os.environ)
    embedder = load_embedder(settings.model, settings.home, settings.cores)
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (uri, token):
        asked, scores = labelled.measure(uri, token, embedder, lambda _: None)
    say("labelled set: done")
    return labelled.summary(asked, scores)


def rank(say: Callable[[str], None], chunks: int, questions: int) -> Bench:
    """Write the company and ask the questions."""
    company = make_company(chunks, SEED)
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (uri, token):
        store = new_store(uri, token, SPEC)
        _follow(say, "chunks written", len(company.rows), write(store, company.rows))
        bench = Bench(store, MilvusClient(uri, token=token), company)
        drawn = make_questions(company, questions, SEED)
        _follow(say, "questions asked", questions, bench.run(drawn))
    return bench


def section(result: Result) -> Section:
    """By share visible; brute force over every permitted row is right by definition."""
    found = result.more
    visible = list(found["overlap_by_visible"]["dense"])
    rows = []
    for name, by_visible in found["overlap_by_visible"].items():
        ms, searches = result.measured["latency_ms"][name], result.measured["searches_per_question"][name]
        overlaps = [found[f"overlap_{name}"], *by_visible.values()]
        cells = [*(f"{overlap:.4f}" for overlap in overlaps), f"{searches['mean']:.1f}"]
        rows.append([name, *cells, f"{ms['p50']:.0f}", f"{ms['p95']:.0f}"])
    shown = table(["ranking", "overlap", *visible, "searches", "p50 ms", "p95 ms"], rows)
    ndcg = ", ".join(f"{name} {value:.3f}" for name, value in found["ndcg"].items())
    told = (
        f"Overlap@{K} with brute force over {result.input['chunks']:,} chunks, by share visible. One search takes "
        f"{result.measured['latency_ms'][SEARCH]['p50']:.0f} ms. `{MILVUS_DECAY}` is Milvus's own ranker."
    )
    return Section(f"{told}\n\n{shown}\n\nnDCG@10 of the labelled questions: {ndcg}.")


def _follow(say: Callable[[str], None], what: str, total: int, steps: Iterable[int]) -> None:
    told = 0
    for done in steps:
        if done * STEPS >= (told + 1) * total:
            told = done * STEPS // total
            say(f"{done} of {total} {what}")
