"""`freshline tokens …` and `freshline tokens keys …`. A token is printed by the commands whose result it is, only."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from query.capabilities.options import narrowing, pairs
from schemas.errors import Misconfigured
from schemas.settings import Settings

if TYPE_CHECKING:
    from query.asker import Mandate
    from query.capabilities.inspection import Inspection

Token = Annotated[str, typer.Argument(help="The token; - reads it from standard input.", metavar="TOKEN")]
Seal = Annotated[bool, typer.Option("--seal", help="Nothing can be appended to it any more.")]


def tokens_app(settings: Callable[[], Settings], keys: typer.Typer) -> typer.Typer:
    """The commands; `keys` are mounted below them."""
    app = typer.Typer(no_args_is_help=True, help="Tokens that say who asks, for what, until when.")
    app.add_typer(keys, name="keys")

    @app.command()
    @narrowing(minutes=60)
    def mint(
        mandate: "Mandate",
        who: Annotated[str, typer.Option("--as", help="A first name of people.json, or a subject with --tenant.")],
        tenant: Annotated[str, typer.Option(help="The tenant of a person given by subject.")] = "",
        agent: Annotated[str, typer.Option(help="The program that asks on the person's behalf.")] = "",
        attribute: Annotated[list[str] | None, typer.Option(help="name=value of the person; may be repeated.")] = None,
        sealed: Seal = False,
    ) -> None:
        """Print a token for a person, or for an agent on her behalf, signed with the local key."""
        from query.ask import resolve_person
        from query.capabilities import issue
        from query.principal import Principal
        from query.tokens import load_signing_key

        found = settings()
        person = Principal(who, tenant) if tenant else resolve_person(who, found.home)
        principal = Principal(person.subject, person.tenant, agent)
        charter = issue.Charter(principal, found.audience, mandate, pairs("--attribute", attribute))
        token = issue.mint(load_signing_key(found.home / "keys"), charter, time.time())
        sys.stdout.write((issue.seal(token) if sealed else token) + "\n")

    @app.command()
    @narrowing(minutes=None)
    def attenuate(
        mandate: "Mandate",
        token: Token,
        holder: Annotated[str, typer.Option(help="Whom the narrower token is for.")],
        sealed: Seal = False,
    ) -> None:
        """Print a token that may less. Needs no key and no network: whoever holds a token can do it."""
        from query.capabilities import issue

        less = issue.attenuate(_given(token), mandate, holder)
        sys.stdout.write((issue.seal(less) if sealed else less) + "\n")

    @app.command()
    def inspect(token: Token) -> None:
        """Show what is in a token, and whether its signature is right by the local keys."""
        sys.stdout.write("\n".join(_inspected(settings(), _given(token)).lines()) + "\n")

    @app.command()
    def revoke(
        revocation_id: Annotated[str, typer.Argument(help="As inspect shows it.", metavar="ID")] = "",
        token: Annotated[str, typer.Option(help="Instead of an id: the token; - reads standard input.")] = "",
        family: Annotated[bool, typer.Option("--family", help="With --token: all that came of the first one.")] = False,
    ) -> None:
        """Refuse a token and all that was made of it, everywhere, from now on."""
        from query.capabilities.revoked import revocation
        from query.capabilities.revoked import revoke as write

        if bool(revocation_id) == bool(token):
            raise Misconfigured("name one: a revocation id, or --token")
        found, name, ends_ms = settings(), revocation_id, None
        if token:
            seen, hand = _inspected(found, _given(token)), 0 if family else -1
            # An end that nobody signed could make the revocation end too early.
            name, ends_ms = seen.parts[hand].revocation_id, seen.expires_ms(hand) if seen.verified else None
        write(found.kafka, revocation(name, time.time_ns() // 1_000_000, ends_ms), found.request_timeout)
        sys.stdout.write(f"revoked: {name}\n")

    return app


def keys_app(settings: Callable[[], Settings]) -> typer.Typer:
    """The commands about keys."""
    app = typer.Typer(no_args_is_help=True, help="The keys that sign and check tokens.")

    @app.command()
    def generate() -> None:
        """Make the signing key and its public key. An existing key is never overwritten."""
        from query.tokens import generate_keys

        sys.stdout.write(f"public key: {generate_keys(settings().home / 'keys')}\n")

    @app.command()
    def rotate() -> None:
        """Sign with a new key from now on; tokens of the old one count until it is retired."""
        from query.capabilities import keys

        sys.stdout.write(f"signing now: {keys.rotate(settings().home / 'keys')}\n")

    @app.command("list")
    def list_keys() -> None:
        """The keys whose tokens count, the oldest first."""
        from query.capabilities import keys

        for key in keys.listed(settings().home / "keys"):
            since = datetime.fromtimestamp(key.since_s, UTC).isoformat(timespec="seconds")
            sys.stdout.write(f"{key.id}  since {since}  {'signs' if key.signs else 'checks only'}\n")

    @app.command()
    def retire(key: Annotated[str, typer.Argument(help="Its id, as list shows it.", metavar="KEY")]) -> None:
        """Refuse everything a key signed, from now on."""
        from query.capabilities import keys

        keys.retire(settings().home / "keys", key)
        sys.stdout.write(f"retired: {key}\n")

    return app


def _given(text: str) -> str:
    return (sys.stdin.read(65536) if text == "-" else text).strip()


def _inspected(settings: Settings, token: str) -> "Inspection":
    from query.capabilities.inspection import inspect
    from query.tokens import load_public_keys

    folder = settings.home / "keys"
    return inspect(token, load_public_keys(folder) if folder.is_dir() else {})
