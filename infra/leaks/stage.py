"""A stack of its own for the company: from nothing, with its contract, relations, policies and identity provider."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from infra.chaos.database import dsn_of
from infra.leaks.product import Product
from infra.leaks.provider import Provider
from infra.leaks.world import Statement, schema
from infra.local.apart import environment, make_home, reporting_to
from infra.local.part import Report
from infra.local.stack import Stack

HERE = Path(__file__).resolve().parent

OpenProduct = Callable[[Path], Product]
"""Captures the sources of a running stack's home, and gives the product's doors there."""


@contextmanager
def staged(
    home: Path, rows: list[Statement], open_product: OpenProduct, provider: Provider
) -> Iterator[tuple[Product, str]]:
    """The product's doors and the database's address, in `<home>/leaks`. All is stopped after; the logs stay."""
    place, said = home.absolute() / "leaks", home.absolute() / "leaks.log"
    stack = _fresh(place, home, reporting_to(said))
    with environment(settings_of(place) | provider.publish(place / "identity.jwks.json")):
        try:
            stack.up()
            dsn = dsn_of(stack)
            with psycopg.connect(dsn) as database:
                for statement in (*schema(), *rows):
                    database.execute(statement.sql.encode(), statement.values)
            product = open_product(place)
            stack.up_services()
            yield product, dsn
        finally:
            stack.down()


def erase(home: Path) -> None:
    """Everything that `staged` left."""
    place = home.absolute() / "leaks"
    Stack(place, lambda _: None).erase()
    shutil.rmtree(place, ignore_errors=True)


def _fresh(place: Path, home: Path, report: Report) -> Stack:
    if place.exists():
        erase(home)
    make_home(place, home)
    return Stack(place, report)


def settings_of(place: Path) -> dict[str, str]:
    """The variables that point to a home with this company's contract, relations and policies."""
    return {
        "FRESHLINE_HOME": str(place),
        "FRESHLINE_SOURCES": str(HERE / "sources"),
        "FRESHLINE_POLICIES": str(HERE / "policies"),
    }
