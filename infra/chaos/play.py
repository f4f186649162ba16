"""A whole run: a stack of its own from nothing, chaos, a verdict. What failed is kept to be looked at."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
from rich.console import Console

from infra.chaos.database import dsn_of
from infra.chaos.product import Product
from infra.chaos.result import Result
from infra.chaos.run import Chaos, Plan
from infra.chaos.tables import schema, write_sources
from infra.chaos.workers import Workers
from infra.local.apart import environment, make_home, reporting_to
from infra.local.part import Report
from infra.local.stack import Stack
from schemas.errors import FreshlineError, Unavailable

READY_S = 120.0

OpenProduct = Callable[[Path], Product]
"""Captures the sources of a running stack's home, and gives the product's doors there."""


def play(plan: Plan, home: Path, open_product: OpenProduct, console: Console) -> Result:
    """Run chaos in `<home>/chaos`, write `<home>/chaos.json`, print the verdict. Everything is stopped after."""
    place = home.absolute() / "chaos"
    said = Path(f"{place}.log")
    report = reporting_to(said)
    console.print(f"   chaos for {plan.seconds:.0f} s, seed {plan.seed}, {plan.workers} workers; servers start")
    with environment({"FRESHLINE_HOME": str(place), "FRESHLINE_SOURCES": str(place / "sources")}):
        stack, workers = _fresh(place, home, plan.workers, report)
        try:
            chaos = _started(plan, stack, workers, open_product, report)
            result = chaos.run(console)
        finally:
            workers.stop()
            stack.down()
        result.write(home / "chaos.json")
        console.print(result.table())
        if result.ok:
            stack.erase()
            shutil.rmtree(place)
        else:
            kept = f"the logs are in {place / 'logs'}, what was staged in {said}"
            console.print(*result.details(), kept, sep="\n", markup=False, highlight=False, soft_wrap=True)
    return result


def _fresh(place: Path, home: Path, workers: int, report: Report) -> tuple[Stack, Workers]:
    stack = Stack(place, report)
    if place.exists():
        Workers(place, workers, report).stop()
        stack.erase()
        shutil.rmtree(place)
    make_home(place, home)
    write_sources(place / "sources")
    return stack, Workers(place, workers, report)


def _started(plan: Plan, stack: Stack, workers: Workers, open_product: OpenProduct, report: Report) -> Chaos:
    stack.up()
    with psycopg.connect(dsn_of(stack), autocommit=True) as database:
        for statement in schema():
            database.execute(statement.encode())
    product = open_product(workers.home.root)
    stack.up_services()
    workers.start()
    deadline = time.monotonic() + READY_S
    while _watermark(product) is None or not all(workers.at_work(number) for number in range(plan.workers)):
        if time.monotonic() > deadline:
            raise Unavailable("the stream job", f"it did not begin within {READY_S:.0f} s; see {workers.home.logs}")
        time.sleep(0.2)
    return Chaos(stack, product, workers, plan, report)


def _watermark(product: Product) -> int | None:
    try:
        return product.watermark_ms()
    except FreshlineError:
        return None
