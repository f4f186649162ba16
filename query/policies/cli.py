"""`freshline policies`: the access policies on the command line."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from schemas.settings import Settings

out = Console()


def policies_app(settings: Callable[[], Settings]) -> typer.Typer:
    """The commands."""
    app = typer.Typer(no_args_is_help=True, help="The access policies, in Cedar.")

    @app.command()
    def check(
        folder: Annotated[Path | None, typer.Argument(help="A folder of policies, by default that in force.")] = None,
    ) -> None:
        """Check every policy against what the contracts know; all mistakes at once."""
        from query.grounds import vocabulary_of
        from query.policies.policy_set import load_policies

        found = settings()
        policies = load_policies(folder or found.policies, vocabulary_of(found))
        out.print(f"[green]{folder or found.policies} is right[/], version {policies.version[:12]}.", soft_wrap=True)

    @app.command()
    def schema() -> None:
        """Print the Cedar schema that the contracts make, for editors."""
        from query.grounds import vocabulary_of

        sys.stdout.write(vocabulary_of(settings()).schema_text() + "\n")

    return app
