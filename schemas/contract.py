"""The source contract: what one YAML file under `connectors/sources/` says."""

from collections.abc import Collection, Iterable, Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from schemas.enforcement import AtSource, Enforce
from schemas.freshness import Freshness
from schemas.quality import Quality
from schemas.redaction import Redactions, redaction_mistakes
from schemas.template import Template
from schemas.topics import beat_topic, raw_topic

SourceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
TableName = Annotated[str, Field(pattern=r"^[^./,]+\.[^./,]+$")]
AggregateType = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Connector(_Model):
    """Which plugin captures the source, and its configuration file beside the contract."""

    plugin: Literal["postgres"]
    config: str


class Permissions(_Model):
    """Templates of a record's label. An entry whose column is null is left out; no tenant or no reader = rejected.

    `redact`: field -> who may see it, of those who may see the row.
    """

    tenant: Template
    readers: tuple[Template, ...] = Field(min_length=1)
    denied: tuple[Template, ...] = ()
    attributes: dict[str, Template] = {}
    redact: dict[str, Redactions] = {}

    @field_validator("redact")
    @classmethod
    def _names_attributes(cls, redact: dict[str, Redactions], info: ValidationInfo) -> dict[str, Redactions]:
        named = {name for rules in redact.values() for rule in rules for name in rule.when}
        if unknown := sorted(named - set(info.data.get("attributes", named))):
            raise ValueError(f"when: the record has no attribute {', '.join(unknown)}; declare it under attributes")
        return redact

    def templates(self) -> Iterator[Template]:
        yield self.tenant
        yield from (*self.readers, *self.denied, *self.attributes.values())


class RelationRule(_Model):
    """What a row grants: `subject` gets `relation` to `object`, within `tenant`."""

    tenant: Template
    object: Template
    relation: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    subject: Template

    def templates(self) -> Iterator[Template]:
        yield from (self.tenant, self.object, self.subject)


def contradictions(
    searchable: tuple[bool, bool], grants: bool, used: Collection[str], mask: Iterable[str]
) -> Iterator[str]:
    """What a table's fields say against each other, in words. `searchable`: whether it has text, and permissions."""
    if searchable[0] != searchable[1]:
        yield "text and permissions go together: a searchable table needs both"
    elif not searchable[0] and not grants:
        yield "a table must be searchable (text and permissions), or grant (relation), or both"
    for column in mask:
        if column in used:
            yield f"column {column!r} is masked, so nothing else in the contract may use it"


_OneOrMore = RelationRule | tuple[RelationRule, ...]


def _listed(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class TableContract(_Model):
    """One captured table: what of it is searchable, who may see it, what it grants."""

    key: tuple[str, ...] = Field(min_length=1)
    text: Template | None = None
    title: Template | None = None
    url: Template | None = None
    event_time: str | None = None
    metadata: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    permissions: Permissions | None = None
    enforce: Enforce | None = None
    """Who decides what is shown; as the source says by default."""
    quality: Quality = Quality()
    relation: Annotated[tuple[RelationRule, ...], BeforeValidator(_listed, json_schema_input_type=_OneOrMore)] = ()

    @field_validator("permissions")
    @classmethod
    def _redacts_what_it_shows(cls, permissions: Permissions | None, info: ValidationInfo) -> Permissions | None:
        fields = ("key", "text", "title", "url", "event_time", "metadata")
        if permissions is not None and all(name in info.data for name in fields):
            shown = {name: info.data[name] for name in ("text", "title", "url")}
            if wrong := list(redaction_mistakes(permissions.redact, info.data, shown)):
                raise ValueError("redact: " + "; ".join(wrong))
        return permissions

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        searchable = (self.text is not None, self.permissions is not None)
        wrong = list(contradictions(searchable, bool(self.relation), self._used(), self.mask))
        if self.text is None and self.quality != Quality():
            wrong.append("quality rules are about text, and this table has none")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _used(self) -> set[str]:
        named = {*self.key, *self.metadata, *self.quality.required} | ({self.event_time} if self.event_time else set())
        templates = [template for template in (self.text, self.title, self.url) if template is not None]
        templates += self.permissions.templates() if self.permissions else ()
        templates += [template for rule in self.relation for template in rule.templates()]
        return named | {column for template in templates for column in template.columns}

    def columns(self) -> set[str]:
        """Every column the contract needs the table to have."""
        return self._used() | set(self.mask)


def twofold(types: Iterable[Iterable[str]]) -> Iterator[str]:
    """Event types that stand in more than one of an aggregate's lists, in words."""
    seen: set[str] = set()
    for each in types:
        for name in sorted(seen & set(each)):
            yield f"the event type {name!r} is in two of upserts, deletes and ignored"
        seen |= set(each)


class Aggregate(TableContract):
    """One aggregate type of an outbox: its events are read like the rows of a table of their own.

    Each event of a type in `upserts` carries the aggregate's whole state: a JSON object, whose fields are the columns.
    Fields in `optional` may be left out of it and are null then. An event of a type in `deletes`, or an upsert without
    payload, takes the record away; one in `ignored` changes nothing; any other type is a dead letter. The key is the
    aggregate id, under the one name given.
    """

    key: tuple[str, ...] = Field(default=("aggregateid",), min_length=1, max_length=1)
    upserts: tuple[str, ...] = Field(min_length=1)
    deletes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _tells_types_apart(self) -> Self:
        wrong = list(twofold((self.upserts, self.deletes, self.ignored)))
        if wrong:
            raise ValueError("; ".join(wrong))
        return self


class OutboxColumns(_Model):
    """The columns of an outbox table, by default as Debezium's outbox router names them."""

    id: str = "id"
    aggregatetype: str = "aggregatetype"
    aggregateid: str = "aggregateid"
    type: str = "type"
    payload: str = "payload"


class Outbox(_Model):
    """A table into which an application writes events, and what those of each aggregate type mean.

    Events of aggregate types that are not named here are left out.
    """

    columns: OutboxColumns = OutboxColumns()
    aggregates: dict[AggregateType, Aggregate] = Field(min_length=1)


def emptiness(tables: Collection[str], outboxes: Collection[str]) -> Iterator[str]:
    """What the names of a source's tables say against each other, in words."""
    if not tables and not outboxes:
        yield "a source must have tables, or outboxes, or both"
    for name in sorted(set(tables) & set(outboxes)):
        yield f"{name} is an outbox, so it is no table too"


HOW_TO_CONFIRM = "enforce: source needs at_source: {role: …}, as which the database is read"


class Contract(_Model):
    """A source: where it is captured, how fresh it must be, what its tables mean."""

    source: SourceName
    connector: Connector
    freshness: Freshness = Freshness()
    at_source: AtSource | None = None
    enforce: Enforce = "index"
    tables: dict[TableName, TableContract] = {}
    outboxes: dict[TableName, Outbox] = {}

    @field_validator("enforce")
    @classmethod
    def _knows_how_to_confirm(cls, enforce: Enforce, info: ValidationInfo) -> Enforce:
        if enforce == "source" and info.data.get("at_source", cls) is None:
            raise ValueError(HOW_TO_CONFIRM)
        return enforce

    @field_validator("tables")
    @classmethod
    def _can_confirm(cls, tables: dict[str, TableContract], info: ValidationInfo) -> dict[str, TableContract]:
        asking = [name for name, table in tables.items() if table.enforce == "source"]
        if asking and info.data.get("at_source", cls) is None:
            raise ValueError(f"{', '.join(asking)}: {HOW_TO_CONFIRM}")
        if grants := [name for name in asking if tables[name].permissions is None]:
            raise ValueError(f"{', '.join(grants)}: only searchable tables can be enforced")
        return tables

    @field_validator("outboxes")
    @classmethod
    def _has_rows_to_confirm(cls, outboxes: dict[str, Outbox], info: ValidationInfo) -> dict[str, Outbox]:
        rules = {f"{name}.{kind}": each for name, box in outboxes.items() for kind, each in box.aggregates.items()}
        if asking := [name for name, each in rules.items() if (each.enforce or info.data.get("enforce")) == "source"]:
            raise ValueError(f"{', '.join(asking)}: events have no row to confirm at the source; write enforce: index")
        return outboxes

    @model_validator(mode="after")
    def _reads_something(self) -> Self:
        wrong = list(emptiness(self.tables, self.outboxes))
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def beat_topic(self) -> str:
        return beat_topic(self.source)

    def enforced(self) -> dict[str, TableContract]:
        """The tables whose hits the database must confirm."""
        return {
            name: table
            for name, table in self.tables.items()
            if table.permissions is not None and (table.enforce or self.enforce) == "source"
        }

    def captured(self) -> list[str]:
        """Every table of the database that the connector reads."""
        return [*self.tables, *self.outboxes]

    def aggregates(self) -> dict[str, Aggregate]:
        """`schema.outbox.aggregate` -> what its events mean."""
        return {
            f"{outbox}.{name}": aggregate
            for outbox, rules in self.outboxes.items()
            for name, aggregate in rules.aggregates.items()
        }

    def record_tables(self) -> dict[str, TableContract]:
        """Whatever records come from: the tables, and each aggregate type of the outboxes as a table of its own."""
        return {**self.tables, **self.aggregates()}

    def granting(self) -> frozenset[str]:
        """The tables whose rows grant something."""
        return frozenset(name for name, table in self.record_tables().items() if table.relation)

    def raw_topics(self) -> dict[str, str]:
        """Raw topic -> table, or `schema.outbox.aggregate`."""
        return {raw_topic(self.source, table): table for table in self.record_tables()}


def json_schema() -> dict[str, Any]:
    """The JSON Schema that editors check a contract with."""
    return Contract.model_json_schema(mode="validation")
