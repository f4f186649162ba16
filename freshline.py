"""The `freshline` command: the composition root. It puts the rooms together and prints; it decides nothing."""

import inspect
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import psycopg
import typer
from psycopg import conninfo
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from query.capabilities.cli import keys_app as make_keys_app
from query.capabilities.cli import tokens_app as make_tokens_app
from query.decisions.cli import audit_app
from query.freshness.cli import lag
from query.mcp.cli import mcp_command as make_mcp_command
from query.policies.cli import policies_app as make_policies_app
from schemas.answer import Answer, Question, SourceStatus
from schemas.contract import Contract
from schemas.errors import FreshlineError, Misconfigured
from schemas.position import NOWHERE
from schemas.settings import Settings, read_secret, unknown_variables

if TYPE_CHECKING:
    from connectors.dead_letters import Letters, Wanted
    from infra.chaos.product import Person as ChaosPerson
    from infra.chaos.product import Seen
    from infra.demo.steps import Stage
    from infra.leaks.bearer import Bearer
    from infra.local.provider import StackProvider
    from query.principal import Principal

RECORDED = Path("tests/data/recorded")

out, err = Console(), Console(stderr=True)
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Fresh, permitted context for AI agents.",
)
sources_app = typer.Typer(no_args_is_help=True, help="The sources: one contract a file.")
letters_app = typer.Typer(no_args_is_help=True, help="What could not be applied, with its reason.")
keys_app = make_keys_app(lambda: _settings())
tokens_app = make_tokens_app(lambda: _settings(), keys_app)
models_app = typer.Typer(no_args_is_help=True, help="Embedding models.")
for name, group in (
    ("sources", sources_app),
    ("dead-letters", letters_app),
    ("tokens", tokens_app),
    ("keys", keys_app),
    ("models", models_app),
):
    app.add_typer(group, name=name)
app.add_typer(audit_app, name="audit")
app.add_typer(make_policies_app(lambda: _settings()), name="policies")
app.command()(lag)
app.command("mcp")(make_mcp_command(lambda: _settings()))

Person = Annotated[str, typer.Option("--as", help="Who asks: a first name of people.json, or user@tenant-mail.")]
Tenant = Annotated[str, typer.Option(help="The tenant of a person given by mail address.")]
Everything = Annotated[bool, typer.Option("--all", help="Every letter there is.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def main() -> None:
    """Run the command. Exit codes: 0 done, 1 it went wrong, 2 something must be configured or corrected first."""
    for line in unknown_variables(os.environ):
        _print(Text(line, "yellow"), err)
    try:
        app()
    except FreshlineError as error:
        _print(Text.assemble((f"{error.code}: ", "red"), str(error)), err)
        sys.exit(2 if isinstance(error, Misconfigured) else 1)
    except psycopg.Error as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        _print(Text.assemble(("unavailable: ", "red"), f"PostgreSQL: {reason}"), err)
        sys.exit(1)


# The local stack


@app.command()
def setup() -> None:
    """Install what the local stack needs: server programs, jars, the local model. Quick when it is there."""
    from index.models.prepare import prepare
    from infra.local.stack import Stack

    settings = _settings()
    Stack(settings.home, _say).prepare()
    prepare(settings.home, _say)


@app.command()
def up() -> None:
    """Start PostgreSQL, Kafka, Connect, Milvus, apply the sources, start the stream job and the API."""
    from infra.demo.demo import await_searchable

    began_ms = time.time_ns() // 1_000_000
    settings = _start()
    with open_stage(settings) as stage:
        await_searchable(stage, began_ms, out, strict=False)
    out.print(f"\nThe API answers at [bold]http://{settings.api_host}:{settings.api_port}[/] (POST /v1/search).")
    out.print('Ask: [bold]freshline ask "Which invoices are overdue?" --as alice[/]')


@app.command()
def down(erase: Annotated[bool, typer.Option("--erase", help="Delete its data, too.")] = False) -> None:
    """Stop everything that `up` started. The data stays."""
    from infra.local.stack import Stack

    stack = Stack(_settings().home, _say)
    stack.erase() if erase else stack.down()


@app.command()
def status() -> None:
    """What of the local stack runs, and which generation of the index is live."""
    from infra.local.stack import Stack
    from streams.show import generations_line

    home = _settings().home
    if not (home / "stack.json").exists():
        raise Misconfigured(f"there is no local stack in {home.absolute()}; start one: make up")
    table = Table("part", "state", "pid", "port")
    for part in Stack(home, _say).status():
        colour = {"running": "green", "unhealthy": "yellow", "stopped": "red"}[part.state]
        table.add_row(part.name, f"[{colour}]{part.state}[/]", str(part.pid or "—"), str(part.port or "—"))
    out.print(table)
    _print(Text(f"logs: {home.absolute() / 'logs'}"))
    _print(Text(generations_line(_settings())))


@app.command()
def url() -> None:
    """Where the API answers."""
    sys.stdout.write(api_url(_settings()) + "\n")


@app.command()
def demo() -> None:
    """The main job on real input, step by step; the result also goes to demo.json."""
    from infra.demo.demo import Record, Show, play
    from query.show import answer_view, freshness_view

    home = _settings().home
    home.mkdir(parents=True, exist_ok=True)
    play(Record(home / "demo.json", out), _stage, Show(answer_view, freshness_view), out)


@app.command()
def bench(samples: Annotated[int, typer.Option(min=50, help="How many single updates.")] = 200) -> None:
    """Commit to answer, sampled on the otherwise idle local stack."""
    from infra.demo.demo import measure

    with _stage() as stage:
        measure(stage, samples, out)


@app.command()
def chaos(
    seconds: Annotated[float, typer.Option(min=10, help="How long rows change and things break.")] = 300.0,
    seed: Annotated[int | None, typer.Option(help="Same seed, same plan; by default another one each time.")] = None,
    workers: Annotated[int, typer.Option(min=2, help="Workers of the stream job, all the time.")] = 2,
) -> None:
    """Change and break everything at random on a stack of its own, and prove that nothing went wrong."""
    from infra.chaos.play import play as play_chaos
    from infra.chaos.run import Plan

    home = _settings().home
    plan = Plan(seconds, secrets.randbelow(10_000) if seed is None else seed, workers)
    sys.exit(0 if play_chaos(plan, home, open_chaos, out).ok else 1)


@app.command()
def leaks(
    answers: Annotated[int, typer.Option(min=1, help="How many answers to compare with what may be seen.")] = 20_000,
    revocations: Annotated[int, typer.Option(min=1, help="How many of each kind to time.")] = 200,
    seed: Annotated[int | None, typer.Option(help="Same seed, same company; by default another one each time.")] = None,
) -> None:
    """Prove on a random company of its own that nobody sees too much or too little, and how fast it follows."""
    from infra.leaks.play import Plan
    from infra.leaks.play import play as play_leaks

    plan = Plan(answers, revocations, secrets.randbelow(10_000) if seed is None else seed)
    sys.exit(0 if play_leaks(plan, _settings().home, open_leaks, out).ok else 1)


# The sources


@sources_app.command()
def validate(
    offline: Annotated[bool, typer.Option(help="Check the files only, not Kafka Connect and the database.")] = False,
) -> None:
    """Check every contract and connector config; all mistakes at once."""
    from connectors.mistakes import ContractInvalid
    from connectors.validate import validate as find_mistakes

    settings = _settings()
    mistakes = find_mistakes(settings.sources, settings, online=not offline)
    if mistakes:
        raise ContractInvalid(mistakes)
    out.print(f"[green]{len(_contracts(settings))} contracts are right.[/]")


@sources_app.command()
def plan() -> None:
    """What `apply` would change."""
    from connectors.apply import make_plan
    from connectors.show import plan_view

    settings = _settings()
    planned = make_plan(_contracts(settings), settings)
    _show(plan_view(planned.steps))


@sources_app.command()
def apply() -> None:
    """Create or change topics and connectors until the sources are captured as the contracts say."""
    from connectors.apply import apply as apply_sources

    settings = _settings()
    apply_sources(_contracts(settings), settings, _say)


@sources_app.command("status")
def sources_status() -> None:
    """Each source: connector, snapshot, backlog, lag, dead letters."""
    from connectors.show import status_view
    from connectors.status import status as find_status

    settings = _settings()
    _show(status_view(find_status(_contracts(settings), settings)))


@sources_app.command("remove")
def remove_source(source: str, yes: Yes = False) -> None:
    """Stop capturing a source: remove its connector, its replication slot and its publication."""
    from connectors.load import drafts
    from connectors.remove import REMAINS, find_capture, remove

    settings = _settings()
    capture = find_capture(source, settings)
    _print(Text(f"to remove: {capture}"))
    if yes or typer.confirm("Remove?", abort=True):
        undone = remove(capture, settings, _say)
        for line in undone:
            _print(Text(line, "yellow"))
        captured = source in [draft.source for draft in drafts(settings.sources)]
        _print(Text(f"{source} is captured no more. {REMAINS[captured].format(source=source)}"))
        sys.exit(1 if undone else 0)


@sources_app.command()
def resume(source: str, table: str) -> None:
    """Let a stopped table go on with its contract as it is (a changed contract resumes it by itself)."""
    from connectors.table_states import resume as resume_table

    settings = _settings()
    now_ms = time.time_ns() // 1_000_000
    resume_table(settings.kafka, _contracts(settings), source, table, now_ms, settings.request_timeout)
    _print(Text(f"{source} {table} goes on; nothing of it was acknowledged since it stopped."))


@sources_app.command()
def schema(folder: Annotated[Path, typer.Argument()] = Path("connectors")) -> None:
    """Write the JSON Schemas that editors check contracts and relations.yaml with."""
    from connectors.json_schema import write_json_schema
    from connectors.relation_file import write_relations_schema

    write_json_schema(folder / "contract.schema.json")
    write_relations_schema(folder / "relations.schema.json")


# The dead letters

CHOICE: dict[str, object] = {
    "ids": Annotated[list[str] | None, typer.Argument(help="Letters, as `list` names them.", metavar="ID")],
    "source": Annotated[str | None, typer.Option(help="Letters of this source.")],
    "table": Annotated[str | None, typer.Option(help="Letters of this table: schema.table.")],
    "reason": Annotated[str | None, typer.Option(help="Letters with this reason.")],
    "since": Annotated[str | None, typer.Option(help="Rejected since: 2h = two hours ago, or an ISO time (UTC).")],
    "until": Annotated[str | None, typer.Option(help="Rejected before: written like --since.")],
}


def choosing(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose letters; it gets them as one `Wanted`, before its own options."""

    def run(**options: Any) -> None:
        from connectors.dead_letters import wanted

        choice = {name: options.pop(name) for name in CHOICE}
        command(wanted(choice, datetime.now(UTC)), **options)

    kind = inspect.Parameter.KEYWORD_ONLY
    choice = [inspect.Parameter(name, kind, default=None, annotation=option) for name, option in CHOICE.items()]
    own = [parameter.replace(kind=kind) for parameter in list(inspect.signature(command).parameters.values())[1:]]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature([*choice, *own])  # type: ignore[attr-defined]
    return run


@letters_app.command("list")
@choosing
def list_letters(
    wanted: "Wanted",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for programs.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Letters shown: the newest.")] = 50,
) -> None:
    """What could not be applied: where it came from, and why."""
    from connectors import dead_letter_show as show

    chosen = _letters().chosen(wanted)
    if as_json:
        sys.stdout.writelines(show.as_json(entry) + "\n" for entry in chosen)
    else:
        _show(show.letters_view(chosen, limit))


@letters_app.command("show")
def show_letter(
    letter_id: Annotated[str, typer.Argument(metavar="ID")],
    raw: Annotated[bool, typer.Option("--raw", help="Write the value's original bytes, nothing else.")] = False,
) -> None:
    """All of one dead letter."""
    from connectors.dead_letter_show import letter_text
    from connectors.dead_letters import DeadLetters, Wanted

    (entry,) = _letters().chosen(Wanted(frozenset({letter_id})))
    (letter,) = DeadLetters(_settings()).letters([entry])
    sys.stdout.buffer.write(letter.value or b"" if raw else letter_text(letter).encode())
    sys.stdout.buffer.flush()


@letters_app.command()
@choosing
def redrive(
    wanted: "Wanted",
    everything: Everything = False,
    value_file: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Its repaired value.")] = None,
    yes: Yes = False,
) -> None:
    """Write events again to where they came from, in their order, with all else of the same records since."""
    from connectors import dead_letter_show as show
    from connectors.dead_letters import DeadLetters
    from connectors.redrive import Redrive, repairs

    repaired = repairs(wanted, value_file)
    letters, settings = _letters(wanted, everything), _settings()
    work = Redrive(settings, DeadLetters(settings))
    planned = work.plan(letters, letters.chosen(wanted))
    _show(show.plan_text(planned))
    if planned.letters and (yes or typer.confirm("Redrive?", abort=True)):
        with show.reading(err, "dead letters redriven") as progress:
            out.print(show.done_text(work.run(planned, repaired, progress)))


@letters_app.command()
@choosing
def drop(wanted: "Wanted", everything: Everything = False, yes: Yes = False) -> None:
    """Take dead letters away for good: what they hold will not be applied."""
    from connectors import dead_letter_show as show
    from connectors.dead_letters import DeadLetters

    chosen = _letters(wanted, everything).chosen(wanted)
    out.print(show.counts_line(chosen), highlight=False)
    if chosen and (yes or typer.confirm("Drop them for good?", abort=True)):
        DeadLetters(_settings()).settle(entry.id for entry in chosen)
        out.print(f"[green]Dropped {show.counted(len(chosen))}.[/]", highlight=False)


def _letters(wanted: "Wanted | None" = None, everything: bool = False) -> "Letters":
    """All open letters. Whoever means to change something must say which: refused before anything is read."""
    from connectors.dead_letter_show import reading
    from connectors.dead_letters import DeadLetters

    if wanted is not None and wanted.all and not everything:
        raise Misconfigured("say which letters: ids, --source, --table, --reason, --since, --until, or --all")
    with reading(err, "dead letters") as progress:
        letters = DeadLetters(_settings()).read(progress)
    if letters.unreadable:
        err.print(f"[yellow]{letters.unreadable} messages of the topic are no dead letters of this version[/]")
    return letters


@app.command()
def verify(
    source: str,
    table: Annotated[str | None, typer.Option(help="Only this table (schema.table).")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Heal what differs, through the topics.")] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Embed every text again and compare vectors too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Compare the index with the source database, row by row. Exit code 1 if differences remain."""
    from streams.verify.run import Options, verify_by_name
    from streams.verify.show import steps

    settings = _settings()
    with steps(err) as step:
        report = verify_by_name(_contracts(settings), source, settings, Options(table, repair, deep), step)
    out.print_json(data=report.as_json()) if as_json else out.print(report.as_table())
    sys.exit(0 if report.clean else 1)


# The stream job and the API


@app.command()
def work(
    alone: Annotated[bool, typer.Option("--alone", help="Without a supervisor that restarts it.")] = False,
    supervisor: Annotated[int, typer.Option(hidden=True)] = 0,
) -> None:
    """Run a worker of the stream job until SIGTERM."""
    from streams.run import run_alone, run_supervised

    settings = _settings()
    contracts = _contracts(settings)
    if alone:
        run_alone(settings, contracts, supervisor)
    worker = [sys.executable, str(Path(__file__).resolve()), "work", "--alone", "--supervisor", str(os.getpid())]
    sys.exit(run_supervised(settings, contracts, worker))


@app.command()
def rebuild(
    rollback: Annotated[bool, typer.Option("--rollback", help="Go back to the previous generation instead.")] = False,
    drop_old: Annotated[bool, typer.Option("--drop-old", help="Remove the previous generation instead.")] = False,
) -> None:
    """Make the index anew from freshline.changes, beside the live one, and switch: for another model or chunking."""
    from streams.run import opened_rebuild
    from streams.show import reading

    if rollback and drop_old:
        raise Misconfigured("choose one of --rollback and --drop-old")
    with reading(out) as progress, opened_rebuild(_settings(), progress) as work:
        if drop_old:
            said = f"dropped: {work.drop_old() or 'nothing, there is only the live generation'}"
        elif rollback:
            back = work.rollback()
            said = f"Generation {back.number} is live again, up to date ({back.model.name})."
        else:
            made, refused = work.rebuild()
            said = f"Generation {made.number} is live ({made.model.name}); {refused} changes are dead letters."
            said += "\nThe previous one is kept: freshline rebuild --rollback, or --drop-old."
    out.print(said, highlight=False, soft_wrap=True)


@app.command()
def serve() -> None:
    """Run the API until SIGTERM."""
    from query.serve import serve as serve_api

    serve_api(_settings())


@app.command()
def ask(
    question: str,
    who: Person,
    tenant: Tenant = "",
    limit: Annotated[int, typer.Option(min=1, max=50, help="Hits, at most.")] = 5,
    purpose: Annotated[str, typer.Option(help="What the answer is for; policies may ask for it.")] = "",
    ids: Annotated[bool, typer.Option("--ids", help="The records' ids alone, one a line, for programs.")] = False,
) -> None:
    """Ask the API as a person, with a token of one minute."""
    from query.ask import ask as ask_api
    from query.client.calls import question_of
    from query.show import answer_view, freshness_view

    settings, asked = _settings(), question_of(question, limit=limit, purpose=purpose)
    answer = ask_api(api_url(settings), token_for(settings, who, tenant), asked)
    if ids:
        sys.stdout.writelines(f"{hit.record_id}\n" for hit in answer.hits)
        return
    _show(answer_view(question, who, answer, limit))
    _show(freshness_view(answer.sources))


@app.command()
def explain(
    record: str,
    who: Person,
    tenant: Tenant = "",
    purpose: Annotated[str, typer.Option(help="What the answer would be for.")] = "",
) -> None:
    """Why a person sees a record, or what is missing: for operators."""
    from query.explain_as import explain_as
    from query.grounds import grounds_of

    settings = _settings()
    _print(Text(explain_as(settings, grounds_of(settings), person(settings, who, tenant), purpose, record)))


# Models, and what is not for everybody


@app.command(hidden=True)
def record(to: Annotated[Path, typer.Option(help="Folder for the recorded messages.")] = RECORDED) -> None:
    """Record real Debezium messages of every kind of change, for the tests. Needs the running local stack."""
    from infra.recorder.record import record as record_kinds

    record_kinds(_settings(), to, _say)


@models_app.command("prepare")
def prepare_model() -> None:
    """Make the model that needs no model hub: all-MiniLM-L6-v2 as fp32 ONNX, checked against a reference."""
    from index.models.prepare import prepare

    _print(Text(f"model: {prepare(_settings().home, _say)}"))


# What the commands share


def _settings() -> Settings:
    return Settings.load(os.environ)


def _contracts(settings: Settings) -> list[Contract]:
    from connectors.load import load

    return load(settings.sources)


def _print(text: Text, console: Console = out) -> None:
    """Text as it is: nothing in it is markup, and it breaks where a terminal ends, not where it is piped."""
    console.print(text, soft_wrap=True)


def _show(view: RenderableType) -> None:
    """A view; piped, its lines are whole, as a program wants them."""
    out.print(view, soft_wrap=not out.is_terminal)


def _say(line: str) -> None:
    _print(Text(f"   {line}"))


def api_url(settings: Settings) -> str:
    return f"http://{settings.api_host}:{settings.api_port}"


def settings_of(home: Path) -> Settings:
    """The settings of what runs in a home."""
    return Settings.load({**os.environ, "FRESHLINE_HOME": str(home)})


def token_for(settings: Settings, who: str, tenant: str = "", seconds: int = 60) -> str:
    """A token for a person, by first name or by mail address and tenant, signed with the local key."""
    from query.tokens import load_signing_key, mint

    asker = person(settings, who, tenant)
    return mint(load_signing_key(settings.home / "keys"), asker, settings.audience, seconds, time.time())


def person(settings: Settings, who: str, tenant: str = "") -> "Principal":
    """A person by first name, or by subject and tenant."""
    from query.ask import resolve_person
    from query.principal import Principal

    return Principal(who, tenant) if tenant else resolve_person(who, settings.home)


def start_all(stack: "StackProvider", home: Path) -> Settings:
    """Everything up: servers, sample company, keys, sources, services. Returns the settings of what runs."""
    from connectors.apply import apply as apply_sources
    from infra.demo.company import seed, write_people
    from infra.local.stack import Stack
    from query.tokens import generate_keys

    stack.up()
    settings = settings_of(home)
    write_people(seed(dsn(settings), datetime.now(UTC), report=_say), home / "people.json")
    if not (home / "keys" / "signing.pem").exists():
        generate_keys(home / "keys")
    apply_sources(_contracts(settings), settings, _say)
    Stack(home, _say).up_services()
    return settings


@contextmanager
def open_stage(settings: Settings) -> Iterator["Stage"]:
    """The demo's stage on the running product, with the sample company as it was at first."""
    from infra.demo.company import make_company, restore_story
    from infra.demo.steps import Stage

    contracts = _contracts(settings)
    company = make_company(datetime.now(UTC))
    tables = [name for c in contracts for name, table in c.tables.items() if table.permissions is not None]
    with psycopg.connect(dsn(settings), autocommit=True) as database:
        if restored := restore_story(database, company):
            _say(f"sample company: the demo's own rows put back: {restored} row{'s' * (restored > 1)}")
        yield Stage(company, database, _Product(settings, contracts), tables)


def _start() -> Settings:
    from infra.local.stack import Stack

    home = _settings().home
    return start_all(Stack(home, _say), home)


def _stage() -> AbstractContextManager["Stage"]:
    return open_stage(_start())


class _Product:
    """The product's doors for the demo: the API over HTTP, and the index's count."""

    def __init__(self, settings: Settings, contracts: list[Contract]) -> None:
        from index.milvus import MilvusStore

        self._settings = settings
        self._sources = [contract.source for contract in contracts]
        self._store = MilvusStore(settings.milvus_uri, read_secret(settings.milvus_token_file), settings.collection)

    def ask(self, person: str, question: str) -> Answer:
        from query.ask import ask as ask_api

        token = token_for(self._settings, person)
        return ask_api(api_url(self._settings), token, Question(query=question, limit=5))

    def freshness(self) -> list[SourceStatus]:
        from query.ask import freshness

        return freshness(api_url(self._settings), token_for(self._settings, "alice"))

    def searchable(self) -> int:
        return sum(self._store.count(source) for source in self._sources)


def open_chaos(home: Path) -> "_ChaosProduct":
    """Captures the sources of a home, and opens the doors that chaos watches."""
    return _ChaosProduct(_captured(home))


def open_leaks(home: Path) -> "_LeaksProduct":
    """Captures the sources of a home, and opens the doors that the leak test goes through."""
    return _LeaksProduct(_captured(home))


def _captured(home: Path) -> Settings:
    from connectors.apply import apply as apply_sources
    from query.tokens import generate_keys

    settings = settings_of(home)
    generate_keys(home / "keys")
    apply_sources(_contracts(settings), settings, lambda _: None)
    return settings_of(home)


class _ChaosProduct:
    """The product's doors for chaos: see `infra.chaos.product.Product`."""

    def __init__(self, settings: Settings) -> None:
        from index.milvus import MilvusStore

        self._settings = settings
        self._store = MilvusStore(settings.milvus_uri, read_secret(settings.milvus_token_file), settings.collection)

    def ask(self, person: "ChaosPerson", question: str, limit: int) -> Answer:
        from query.ask import ask as ask_api

        token = token_for(self._settings, person.name, person.tenant)
        return ask_api(api_url(self._settings), token, Question(query=question, limit=limit))

    def watermark_ms(self) -> int | None:
        from query.ask import freshness

        return freshness(api_url(self._settings), token_for(self._settings, "prober", "red"))[0].watermark_ms

    def held(self, record_ids: Sequence[str]) -> dict[str, "Seen"]:
        from infra.chaos.product import Seen

        return {
            name: Seen(
                position=held.rows[0].position if held.rows else NOWHERE,
                deleted=held.position,
                labels=frozenset(row.label for row in held.rows),
                texts=tuple(row.text for row in held.rows),
                titles=frozenset(row.title for row in held.rows),
                revisions=frozenset(json.loads(row.metadata)["rev"] for row in held.rows),
            )
            for name, held in self._store.held(record_ids).items()
        }

    def count(self) -> int:
        return self._store.count("chaos")

    def dead_letters(self) -> list[str]:
        from connectors.dead_letters import DeadLetters

        letters = DeadLetters(self._settings).read(lambda *_: None)
        return [f"{letter.id}: {letter.reason}: {letter.message}" for letter in letters.open.values()]

    def verify(self) -> list[str]:
        from streams.verify.run import Options, verify_by_name

        contracts = _contracts(self._settings)
        report = verify_by_name(contracts, "chaos", self._settings, Options(), lambda *_: lambda _: None)
        left = [f"{count} {kind} in {table}" for (table, kind), count in report.left.items()]
        unjudged = [f"{count} unjudged in {table}: {why}" for (table, why), count in report.unjudged.items()]
        return [*left, *unjudged, *(f"{one.kind}: {one.record_id}: {one.detail}" for one in report.examples)]


class _LeaksProduct:
    """The product's doors for the leak test: see `infra.leaks.product.Product`."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._keys = settings, settings.home / "keys"

    def token(self, bearer: "Bearer") -> str:
        from query.asker import Mandate
        from query.capabilities import issue
        from query.principal import Principal
        from query.tokens import load_signing_key, mint

        who, key, now = Principal(bearer.person, bearer.tenant, bearer.agent), load_signing_key(self._keys), time.time()
        if bearer.kind == "own":
            return mint(key, who, self._settings.audience, 3600, now)
        first, *others = [Mandate(**asdict(hand)) for hand in bearer.chain] or [Mandate()]
        mandate = replace(first, expires_ms=int(now + 3600) * 1000)
        token = issue.mint(key, issue.Charter(who, self._settings.audience, mandate, bearer.attributes), now)
        for number, hand in enumerate(others):
            token = issue.attenuate(token, hand, f"holder {number}")
        return token

    def ask(self, token: str, question: Question) -> Answer:
        from query.ask import ask as ask_api

        return ask_api(api_url(self._settings), token, question)

    def watermark_ms(self, token: str) -> int | None:
        from query.ask import freshness

        return freshness(api_url(self._settings), token)[0].watermark_ms

    def revoke(self, token: str) -> None:
        from query.capabilities.inspection import inspect as inspect_token
        from query.capabilities.revoked import revocation, revoke
        from query.tokens import load_public_keys

        seen = inspect_token(token, load_public_keys(self._keys))
        ended = revocation(seen.parts[-1].revocation_id, time.time_ns() // 1_000_000, seen.expires_ms())
        revoke(self._settings.kafka, ended, self._settings.request_timeout)


def dsn(settings: Settings) -> str:
    return conninfo.make_conninfo(
        host=settings.pg_host,
        port=settings.pg_port,
        user=settings.pg_user,
        dbname=settings.pg_database,
        password=read_secret(settings.pg_password_file),
    )


if __name__ == "__main__":
    main()
