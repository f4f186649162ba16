"""Source contracts from their files. Everything wrong in every file is reported at once, with lines."""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from connectors.config_file import ConfigFile, read_config
from connectors.debezium import check, effective_for, without_masked
from connectors.document import Document, Loc, read_document
from connectors.mistakes import ContractInvalid, Mistake, did_you_mean
from connectors.outbox import OutboxSketch, check_router, sketch_outbox
from connectors.relation_file import RELATIONS_FILE
from connectors.sketch import Sketch, sketch
from schemas.contract import Contract, emptiness
from schemas.duration import seconds
from schemas.freshness import Freshness
from schemas.topics import raw_topic

_ADVICE = {
    "missing": "add it",
    "string_pattern_mismatch": "use lower-case letters, digits and _ (a table is written schema.table)",
    "literal_error": "use one of the listed values",
    "dict_type": "write `name: value` lines here",
    "model_type": "write `name: value` lines here",
    "tuple_type": "write a list, as [a, b]",
    "too_short": "give at least one",
}


@dataclass
class Draft:
    """A contract file as far as it could be understood: `tables` and `outboxes` hold what can be read of each."""

    document: Document
    contract: Contract | None = None
    tables: dict[str, Sketch] = field(default_factory=dict)
    outboxes: dict[str, OutboxSketch] = field(default_factory=dict)
    config: ConfigFile | None = None
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.document.file

    @property
    def source(self) -> str:
        """The source's name as written, even where the rest is wrong; empty where there is none."""
        return str(_get(self.document.data, "source") or "")

    @property
    def masked(self) -> list[str]:
        """Columns (`schema.table.column`) that must not reach Kafka."""
        return [f"{name}.{column}" for name, table in self.tables.items() for column in table.mask]

    @property
    def options(self) -> dict[str, str]:
        """The connector's options that would run, as far as they can be read."""
        written = without_masked(self.config.options if self.config else {}, self.masked)
        return effective_for(self.source, list(self.tables), written, self.outboxes)

    def places(self) -> dict[str, Loc]:
        """Whatever needs a topic name of its own, and where it is written: tables, outboxes, their aggregate types."""
        found: dict[str, Loc] = {name: ("tables", name) for name in self.tables}
        for name, outbox in self.outboxes.items():
            found[name] = ("outboxes", name)
            found |= {f"{name}.{each}": ("outboxes", name, "aggregates", each) for each in outbox.aggregates}
        return found


def load(folder: Path) -> list[Contract]:
    """Every contract of a folder, by file name. Raises ContractInvalid with all mistakes of all files."""
    return _contracts(drafts(folder), folder)


def load_file(file: Path) -> Contract:
    """One contract. Raises ContractInvalid with all its mistakes."""
    return _contracts([draft(file)], file)[0]


def drafts(folder: Path) -> list[Draft]:
    """Every contract file of a folder with its mistakes, those between files (two of one name) included."""
    files = sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")))
    found = [draft(file) for file in files if file.name != RELATIONS_FILE]
    first: dict[str, Path] = {}
    for one in found:
        if one.source and first.setdefault(one.source, one.file) != one.file:
            what = f"source {one.source!r} is already defined in {first[one.source].name}"
            one.mistakes.append(one.document.mistake(("source",), what, "give each source its own name"))
    _refuse_shared(found)
    return found


def draft(file: Path) -> Draft:
    """Read one contract and the connector configuration beside it. Never raises for their content."""
    document = read_document(file)
    found = Draft(document, mistakes=list(document.mistakes))
    if document.data is None:
        return found
    try:
        found.contract = Contract.model_validate(document.data)
    except ValidationError as error:
        details = [detail for detail in error.errors(include_url=False) if not _of_a_whole(detail)]
        found.mistakes += [_explain(document, detail) for detail in details]
    found.tables = {str(name): sketch(table) for name, table in _within(document.data, "tables").items()}
    found.outboxes = {str(name): sketch_outbox(data) for name, data in _within(document.data, "outboxes").items()}
    found.mistakes += [document.mistake(loc, what, "change it accordingly") for loc, what in _contradictions(found)]
    found.mistakes += _shared_topics(found)
    _add_config(found)
    return found


def _contradictions(found: Draft) -> Iterator[tuple[Loc, str]]:
    """What the parts of a contract say against each other, also where a field is wrong, and where."""
    written = [_get(found.document.data, name) for name in ("tables", "outboxes")]
    if isinstance(found.document.data, dict) and all(isinstance(each, dict | None) for each in written):
        for what in emptiness(found.tables, found.outboxes):
            yield ("outboxes",) if found.outboxes else ("tables",), what
    for name, table in found.tables.items():
        for what in table.contradictions:
            yield ("tables", name), what
    for name, outbox in found.outboxes.items():
        for aggregate, what in outbox.contradictions:
            yield ("outboxes", name, "aggregates", aggregate), what


def _contracts(found: list[Draft], place: Path) -> list[Contract]:
    mistakes = [mistake for one in found for mistake in one.mistakes]
    if not found:
        mistakes = [Mistake(place, 0, "", "there is no contract here", "add a <source>.yaml, or set FRESHLINE_SOURCES")]
    if mistakes:
        raise ContractInvalid(mistakes)
    return [one.contract for one in found if one.contract is not None]


def _refuse_shared(found: list[Draft]) -> None:
    """A replication slot feeds one connector: two that share it take each other's changes away."""
    owners: dict[tuple[str, ...], str] = {}
    for one in found:
        if one.config is None or not one.config.readable:
            continue
        options = one.options
        for option in ("slot.name", "publication.name"):
            place = (
                options.get("database.hostname", ""),
                options.get("database.port", ""),
                option,
                options[option],
            )
            owner = owners.setdefault(place, one.source)
            if owner != one.source:
                what = f"{options[option]!r} is already taken by source {owner!r}"
                one.mistakes.append(one.config.mistake(option, what, "give each source its own, or leave it out"))


def _shared_topics(found: Draft) -> Iterator[Mistake]:
    """A topic's name holds `_` for what it must not hold: two tables that come to share one could not be told apart.

    Those of two sources never do: a topic's name begins with its source's, which has no dot.
    """
    owners: dict[str, str] = {}
    for name, loc in found.places().items():
        topic = raw_topic(found.source, name)
        owner = owners.setdefault(topic, name)
        if owner != name:
            what = f"{name!r} and {owner!r} would share the topic {topic!r}"
            yield found.document.mistake(loc, what, "read one of them in a source of its own, or rename it")


def _add_config(found: Draft) -> None:
    name = _get(_get(found.document.data, "connector"), "config")
    if not isinstance(name, str):
        return
    file = found.file.parent / name
    if not file.is_file():
        todo = f"put the Debezium configuration at {file}"
        found.mistakes.append(found.document.mistake(("connector", "config"), f"{name} does not exist", todo))
        return
    config = found.config = read_config(file)
    found.mistakes += config.mistakes
    source = found.source or config.options.get("topic.prefix", "")
    if config.readable:
        told = {mistake.where for mistake in config.mistakes}
        captured: dict[str, Set[str]] = {name: table.used for name, table in found.tables.items()}
        captured |= {name: set(outbox.columns.values()) for name, outbox in found.outboxes.items()}
        mistakes = check(source, _slo(found.document.data), captured, config, found.masked)
        mistakes += check_router(found.outboxes, config)
        found.mistakes += [mistake for mistake in mistakes if mistake.where not in told]


def _slo(data: Any) -> float | None:
    """The source's freshness in seconds, None where what is written is no duration."""
    written = _get(_get(data, "freshness"), "slo")
    try:
        return Freshness().slo if written is None else seconds(written)
    except ValueError:
        return None


def _of_a_whole(error: ErrorDetails) -> bool:
    """What parts say against each other: see `_contradictions`."""
    return error["type"] == "value_error" and (
        not error["loc"] or (error["loc"][0], len(error["loc"])) in (("tables", 2), ("outboxes", 4))
    )


def _explain(document: Document, error: ErrorDetails) -> Mistake:
    loc: Loc = tuple(step for step in error["loc"] if step != "[key]")
    what = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "extra_forbidden":
            known = sorted(_model_at(loc[:-1]).model_fields)
            what = f"unknown field {str(loc[-1])!r}"
            todo = did_you_mean(str(loc[-1]), known, f"remove it; known fields are {', '.join(known)}")
        case "missing":
            what, todo = f"the field {str(loc[-1])!r} is missing", "add it"
        case "value_error":
            todo = "change it accordingly"
        case kind:
            what = what.replace("valid tuple", "valid list").replace("valid dictionary", "mapping")
            todo = _ADVICE.get(kind, "correct this value")
    return document.mistake(loc, what, todo)


def _model_at(loc: Loc) -> type[BaseModel]:
    """The model whose fields may stand at `loc`. Table names and list indexes are no field names."""
    model: type[BaseModel] = Contract
    for step in loc:
        known = model.model_fields.get(str(step))
        model = (_model_in(known.annotation) if known else None) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for inner in get_args(annotation) if (model := _model_in(inner))), None)


def _within(data: Any, name: str) -> dict[Any, Any]:
    inside = _get(data, name)
    return inside if isinstance(inside, dict) else {}


def _get(data: Any, name: str) -> Any:
    return data.get(name) if isinstance(data, dict) else None
