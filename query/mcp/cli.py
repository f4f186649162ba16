"""`freshline mcp`: the MCP server on standard input and output, as the holder of one token."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import Misconfigured
from schemas.settings import Settings, read_secret

VARIABLE = "FRESHLINE_TOKEN"
WHERE = "the API answers. By default the one of the settings."


def mcp_command(settings: Callable[[], Settings]) -> Callable[..., None]:
    """The command."""

    def mcp(
        url: Annotated[str, typer.Option(help=f"Where {WHERE}")] = "",
        token_file: Annotated[
            Path | None, typer.Option(help=f"A file that holds the token, instead of {VARIABLE}.")
        ] = None,
    ) -> None:
        """Serve MCP on standard input and output, for a program that starts its servers itself.

        The token is read anew before each call from --token-file, or once from FRESHLINE_TOKEN.
        """
        from query.mcp.stdio import serve_stdio

        logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
        found = settings()
        token = token_reader(token_file, os.environ.get(VARIABLE, ""))
        serve_stdio(url or f"http://{found.api_host}:{found.api_port}", token)

    return mcp


def token_reader(file: Path | None, given: str) -> Callable[[], str]:
    """Raises Misconfigured where there is no token at all."""
    if file is None and not given.strip():
        raise Misconfigured(f"no token: set {VARIABLE}, or give --token-file (freshline tokens mint prints one)")

    def read() -> str:
        return read_secret(file) if file is not None else given.strip()

    read()
    return read
