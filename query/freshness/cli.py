"""`freshline lag` on the command line. It puts parts together and prints; it decides nothing."""

import os
import sys
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from schemas.settings import Settings

out = Console()
EVERY_S = 1.0


def lag(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Again and again, until Ctrl-C.")] = False,
) -> None:
    """How far each source is searchable, what waits and what could not be applied; needs no API.

    Exit code 1 if a source is not fresh.
    """
    import orjson

    from connectors.load import load
    from query.freshness.lag import Lag
    from query.freshness.show import lag_view

    settings = Settings.load(os.environ)
    read = Lag(load(settings.sources), settings)
    while watch and not out.is_terminal:
        out.print(lag_view(read()), soft_wrap=True)
        time.sleep(EVERY_S)
    if watch:
        with Live(console=out, auto_refresh=False) as live:
            while True:
                live.update(lag_view(read()), refresh=True)
                time.sleep(EVERY_S)
    sources = read()
    if as_json:
        sys.stdout.write(orjson.dumps([source.model_dump() for source in sources]).decode() + "\n")
    else:
        out.print(lag_view(sources), soft_wrap=not out.is_terminal)
    if any(source.state != "fresh" for source in sources):
        raise typer.Exit(1)
