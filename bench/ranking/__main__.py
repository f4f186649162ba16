"""`make bench-ranking`: how exact ranking is, how well it finds, what it costs; into bench/results/ranking.json.

1 where an answer differs from brute force more than it may, or hybrid finds less than meaning or words alone.
"""

import json
import os
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pymilvus import MilvusClient
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.milvus import new_store, server, write
from bench.ranking.company import SPEC, make_company, make_questions
from bench.ranking.measure import HALF_LIFE_S, Bench, K, summary
from bench.retrieval import measure as labelled
from index.models.load import load_embedder
from schemas.settings import Settings

SEED = 5
RESULT = Path(__file__).parents[1] / "results" / "ranking.json"
LEAST = {"overlap_dense": 1.0, "overlap_keyword": 1.0, "overlap_hybrid": 0.99}


def main() -> int:
    options = ArgumentParser(prog="python -m bench.ranking", description="How exact is the ranking?")
    options.add_argument("--chunks", type=int, default=20_000)
    options.add_argument("--questions", type=int, default=200)
    options.add_argument("--output", type=Path, default=RESULT)
    chosen = options.parse_args()
    console = Console()
    with Progress(console=console) as progress:
        ndcg = find(progress)
        bench = rank(progress, chosen.chunks, chosen.questions)
    result = {
        "what": f"overlap@{K} of the product's ranking with brute force over every permitted row; nDCG@10 of the "
        "labelled set in bench/retrieval",
        "input": {
            "seed": SEED,
            "chunks": len(bench.company.rows),
            "questions": chosen.questions,
            "one_half_life_seconds": HALF_LIFE_S,
        },
        "machine": {"cpus": os.cpu_count(), "python": sys.version.split()[0]},
        **summary(bench.taken, {name: ndcg["all"][name] for name in labelled.KINDS}),
        "ndcg_by_kind": ndcg,
    }
    chosen.output.parent.mkdir(exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=2) + "\n")
    console.print(table(result))
    console.print("nDCG@10 of the labelled set:", result["ndcg"])
    return 0 if holds(result) else 1


def holds(result: dict[str, Any]) -> bool:
    """Whether it is as good as it must be."""
    ndcg = result["ndcg"]
    enough = all(result[name] >= least for name, least in LEAST.items())
    return enough and ndcg["hybrid"] >= max(ndcg["dense"], ndcg["bm25"])


def find(progress: Progress) -> dict[str, dict[str, float]]:
    """nDCG by kind of question, with the prepared model."""
    settings = Settings.load(os.environ)
    embedder = load_embedder(settings.model, settings.home, settings.cores)
    task = progress.add_task("labelled set", total=None)
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (uri, token):
        asked, scores = labelled.measure(uri, token, embedder, lambda said: progress.update(task, description=said))
    progress.update(task, description="labelled set: done", total=1, completed=1)
    return labelled.summary(asked, scores)


def rank(progress: Progress, chunks: int, questions: int) -> Bench:
    """Write the company and ask the questions."""
    company = make_company(chunks, SEED)
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as (uri, token):
        store = new_store(uri, token, SPEC)
        _show(progress, "chunks written", len(company.rows), write(store, company.rows))
        bench = Bench(store, MilvusClient(uri, token=token), company)
        drawn = make_questions(company, questions, SEED)
        _show(progress, "questions asked", questions, bench.run(drawn))
    return bench


def table(result: dict[str, Any]) -> Table:
    shown = Table(title=f"overlap@{K} with brute force over {result['input']['chunks']:,} chunks; by share visible")
    visible = list(result["overlap_by_visible"]["dense"])
    for name in ("ranking", "overlap", *visible, "searches", "p50 ms", "p95 ms"):
        shown.add_column(name, justify="left" if name == "ranking" else "right", no_wrap=True)
    for name, by_visible in result["overlap_by_visible"].items():
        ms, searches = result["latency_ms"][name], result["searches_per_question"][name]
        overlaps = [result[f"overlap_{name}"], *by_visible.values()]
        cells = [*(f"{overlap:.4f}" for overlap in overlaps), f"{searches['mean']:.1f}"]
        shown.add_row(name, *cells, f"{ms['p50']:.0f}", f"{ms['p95']:.0f}")
    return shown


def _show(progress: Progress, what: str, total: int, steps: Iterable[int]) -> None:
    task = progress.add_task(what, total=total)
    for done in steps:
        progress.update(task, completed=done)


if __name__ == "__main__":
    sys.exit(main())
