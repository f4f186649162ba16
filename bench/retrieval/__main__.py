"""`python -m bench.retrieval`: nDCG@10 by kind of question. 1 where hybrid is worse than meaning or words alone."""

import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.milvus import server
from bench.retrieval.measure import KINDS, measure, summary
from index.models.load import load_embedder
from schemas.settings import Settings


def main() -> int:
    console, settings = Console(), Settings.load(os.environ)
    embedder = load_embedder(settings.model, settings.home, settings.cores)
    with (
        tempfile.TemporaryDirectory() as folder,
        server(Path(folder)) as (uri, token),
        console.status("starting") as status,
    ):
        asked, scores = measure(uri, token, embedder, status.update)
    found = summary(asked, scores)
    console.print(table(found))
    overall = found["all"]
    return 0 if overall["hybrid"] >= max(overall["dense"], overall["bm25"]) else 1


def table(found: dict[str, dict[str, float]]) -> Table:
    shown = Table(title="nDCG@10")
    shown.add_column("questions")
    for name in ("number", *KINDS):
        shown.add_column(name, justify="right")
    for group, means in found.items():
        shown.add_row(group, str(means["questions"]), *(f"{means[name]:.3f}" for name in KINDS))
    return shown


if __name__ == "__main__":
    sys.exit(main())
