"""`freshline audit`: the decision log on the command line. It puts parts together and prints; it decides nothing."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from schemas.decision import Kind, Line
from schemas.errors import FreshlineError, Misconfigured, Unavailable
from schemas.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from query.decisions.entry import Entry
    from query.decisions.store import DecisionStore
    from query.decisions.verify import Witness

out, err = Console(), Console(stderr=True)
audit_app = typer.Typer(no_args_is_help=True, help="The decision log: what was shown to whom, and what agents did.")

Key = Annotated[Path | None, typer.Option("--key", help="Public key; by default <home>/keys/audit/audit.pub.pem.")]
Payloads = Annotated[bool, typer.Option("--payloads", help="With what the records say, and its salts.")]


@audit_app.command()
def verify(
    file: Annotated[Path | None, typer.Option(help="An export, instead of the store.", exists=True)] = None,
    against: Annotated[
        list[Path] | None, typer.Option(help="An export or heads kept elsewhere; may be given again.", exists=True)
    ] = None,
    kafka: Annotated[bool, typer.Option(help="Compare with the copy in Kafka.")] = True,
    key: Key = None,
) -> None:
    """Compute everything again: altered, removed, moved, cut or added records are named. Exit code 1 if there are."""
    from query.decisions.show import report_text
    from query.decisions.verify import verify as verify_entries
    from query.decisions.verify import verify_store

    settings = _settings()
    keys = _public(settings, key)
    witnesses = [_witness(path) for path in against or []]
    if file is not None:
        log = list(_read(file))
        report = verify_entries(log, keys, witnesses, payloads=any(entry.payload for entry in log))
    else:
        witnesses += _own_witnesses(settings, kafka)
        report = verify_store(_store(settings), keys, witnesses)
    _print(report_text(report, [witness.name for witness in witnesses]))
    sys.exit(0 if report.clean else 1)


@audit_app.command()
def prove(
    record: Annotated[str | None, typer.Argument(help="A record's id.")] = None,
    since: Annotated[
        Path | None, typer.Option(help="A head kept elsewhere: the log only grew since.", exists=True)
    ] = None,
    payload: Payloads = False,
) -> None:
    """Print a proof that needs nothing else of ours: a record is in the log, or the log only grew since a head."""
    from query.decisions.heads import read_note
    from query.decisions.prove import prove_growth, prove_record

    if (record is None) == (since is None):
        raise Misconfigured("say what to prove: a record's id, or --since and a file with a head")
    store = _store(_settings())
    if record is not None:
        proof = prove_record(store, record, payload)
    else:
        older = read_note(since) if since else None
        assert older is not None
        proof = prove_growth(store, older)
    sys.stdout.write(proof.model_dump_json(exclude_defaults=True) + "\n")


@audit_app.command()
def check(
    proof: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    key: Annotated[Path, typer.Option("--key", help="The public key.", exists=True, dir_okay=False)],
) -> None:
    """Check a proof with the public key alone. Exit code 1 if it does not hold."""
    from query.decisions.keys import load_public
    from query.decisions.prove import Proof, ProofFails
    from query.decisions.prove import check as check_proof

    try:
        given = Proof.model_validate_json(proof.read_text())
    except ValueError:
        raise ProofFails(f"{proof} is no proof") from None
    check_proof(given, load_public(key))
    _print(Text(f"The proof holds: {given.kind}, under the head of {given.head.size} entries, root {given.head.root}"))


@audit_app.command()
def export(
    payloads: Payloads = False,
    heads: Annotated[bool, typer.Option("--heads", help="Only the signed heads, to be kept elsewhere.")] = False,
) -> None:
    """Print the log as JSON lines, heads among them: envelopes and seals, with --payloads also what they say."""
    from query.decisions.store import entries

    for entry in entries(_store(_settings())):
        head = entry.opened().head
        if heads and head:
            sys.stdout.write(head.model_dump_json() + "\n")
        elif not heads:
            sys.stdout.write(entry.line(payloads).model_dump_json(exclude_none=True) + "\n")


@audit_app.command("list")
def list_records(
    kind: Annotated[str | None, typer.Option(help="answer, decision, erasure or head.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 20,
) -> None:
    """The newest records."""
    from typing import get_args

    from query.decisions.show import records_view

    kinds: dict[str, Kind] = {name: name for name in get_args(Kind)}
    if kind is not None and kind not in kinds:
        raise Misconfigured(f"there is no kind {kind!r} of record; there are {', '.join(kinds)}")
    found = _store(_settings()).find(kind=kinds[kind] if kind else None, limit=limit)
    out.print(records_view(found), soft_wrap=not out.is_terminal)


@audit_app.command()
def show(record: str) -> None:
    """All of one record, as JSON."""
    from query.decisions.recorder import UnknownRecord

    found = _store(_settings()).find(record_id=record)
    if not found:
        raise UnknownRecord("there is no such record")
    payload = found[0].payload
    sys.stdout.write((payload.body if payload else found[0].envelope) + "\n")


@audit_app.command()
def erase(
    subject: Annotated[str | None, typer.Option(help="Records of this user, as tokens name her.")] = None,
    record: Annotated[str | None, typer.Option(help="This record.")] = None,
    older_than: Annotated[str | None, typer.Option(help="Records older than this: 90d, 36h.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take away what records say, for good. Envelopes and hashes stay, so that the log can still be verified."""
    from query.decisions.erase import Choice
    from query.decisions.erase import erase as erase_payloads
    from query.decisions.keys import audit_folder, load_or_make_key

    settings = _settings()
    choice = Choice(subject, record, None if older_than is None else _now_ms() - round(_seconds(older_than) * 1000))
    if yes or typer.confirm("Erase what these records say, for good?", abort=True):
        erased = erase_payloads(_store(settings), load_or_make_key(audit_folder(settings.home)), choice, _now_ms)
        _print(Text(f"{erased} records were erased; they stay in the log as erased."))


def _settings() -> Settings:
    return Settings.load(os.environ)


def _store(settings: Settings) -> "DecisionStore":
    from query.decisions.service import FILE, open_store

    if not settings.decisions_url and not (settings.home / FILE).exists():
        raise Misconfigured(f"there is no decision log in {settings.home}; the API makes it when it first starts")
    return open_store(settings)


def _public(settings: Settings, key: Path | None) -> "list[Ed25519PublicKey]":
    from query.decisions.keys import PUBLIC, audit_folder, load_public

    return load_public(key or audit_folder(settings.home) / PUBLIC)


def _own_witnesses(settings: Settings, kafka: bool) -> "Iterator[Witness]":
    """The head noted beside the keys, and the copy in Kafka; a copy that is away is said to be."""
    from query.decisions.heads import NOTE, read_note
    from query.decisions.keys import audit_folder
    from query.decisions.publish import KafkaCopies
    from query.decisions.verify import Witness

    note = audit_folder(settings.home) / NOTE
    noted = read_note(note)
    if noted is not None:
        yield Witness(note.name, (noted,))
    if kafka:
        try:
            yield Witness.of("the copy in Kafka", KafkaCopies(settings.kafka).read())
        except Unavailable as error:
            err.print(Text(f"not compared with the copy in Kafka: {error}", "yellow"), soft_wrap=True)


def _witness(path: Path) -> "Witness":
    """An export, or heads alone, a line each."""
    from query.decisions.verify import Witness
    from schemas.decision import Head

    lines = path.read_text().splitlines()
    try:
        return Witness(path.name, tuple(Head.model_validate_json(line) for line in lines))
    except ValueError:
        return Witness.of(path.name, _read(path))


def _read(path: Path) -> "Iterator[Entry]":
    from query.decisions.entry import Entry

    with path.open() as file:
        for number, line in enumerate(file, 1):
            try:
                yield Entry.of(Line.model_validate_json(line))
            except ValueError:
                raise FreshlineError(f"{path}:{number} is no entry of a decision log") from None


def _seconds(text: str) -> float:
    from schemas.duration import seconds

    try:
        return seconds(text)
    except ValueError as error:
        raise Misconfigured(str(error)) from None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _print(text: Text) -> None:
    out.print(text, soft_wrap=True)
