"""`python -m bench.push`: from commit to push, on the local stack; into bench/results/push.json. Nothing is passed or
failed; the figures are in docs/push.md."""

import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path

from rich.console import Console
from rich.table import Table

import freshline
from bench.push.measure import Figures, measure
from infra.local.stack import Stack
from schemas.settings import Settings

RESULT = Path(__file__).parents[1] / "results" / "push.json"
TOKEN_S = 3600


def main() -> None:
    options = ArgumentParser(
        prog="python -m bench.push",
        description="How long it takes from a commit until a stream and a webhook have the change, on the local stack. "
        "Its API is started with FRESHLINE_WEBHOOK_ALLOW=127.0.0.0/8, where that is not set; freshline up takes that "
        "back.",
    )
    options.add_argument("--samples", type=int, default=100, help="single updates, one after another")
    options.add_argument("--output", type=Path, default=RESULT)
    chosen = options.parse_args()
    console = Console()
    os.environ.setdefault("FRESHLINE_WEBHOOK_ALLOW", "127.0.0.0/8")
    home = Settings.load(os.environ).home
    settings = freshline.start_all(Stack(home, console.print), home)
    token = freshline.token_for(settings, "alice", seconds=TOKEN_S)
    load = round(os.getloadavg()[0], 1)
    figures = measure(freshline.api_url(settings), token, freshline.dsn(settings), chosen.samples)
    result = {
        "what": "milliseconds from a commit's return in PostgreSQL until an agent has the change, permissions checked "
        "and the answer on record",
        "machine": {"cpus": os.cpu_count(), "python": sys.version.split()[0], "load_before": load},
        **figures,
    }
    chosen.output.parent.mkdir(exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=2) + "\n")
    console.print(f"commit to push, milliseconds, {chosen.samples} single updates:", table(figures))


def table(figures: Figures) -> Table:
    """The figures as a person reads them."""
    shown = Table()
    for column in ("by", "p50", "p99", "most"):
        shown.add_column(column, justify="left" if column == "by" else "right")
    for way in ("stream", "webhook"):
        found = figures[f"{way}_ms"]
        shown.add_row(way, *([f"{found[name]:.0f}" for name in ("p50", "p99", "most")] if found else ["not allowed"]))
    return shown


if __name__ == "__main__":
    main()
