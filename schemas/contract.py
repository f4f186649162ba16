"""The source contract: what one YAML file under `connectors/sources/` says."""

from collections.abc import Collection, Iterable, Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.duration import Duration
from schemas.quality import Quality
from schemas.template import Template
from schemas.topics import beat_topic, raw_topic

SourceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
TableName = Annotated[str, Field(pattern=r"^[^./,]+\.[^./,]+$")]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Connector(_Model):
    """Which plugin captures the source, and its configuration file beside the contract."""

    plugin: Literal["postgres"]
    config: str


class Freshness(_Model):
    """How fresh the source must be and how fast its rows lose worth. `slo` and `half_life` are durations.

    `floor` is what is left of a very old row's relevance (0 to 1).
    """

    slo: Duration = 2.0
    half_life: Duration = 30 * 86400.0
    floor: float = Field(default=0.3, ge=0, le=1)


class Permissions(_Model):
    """Templates of a record's label. An entry whose column is null is left out; no tenant or no reader = rejected."""

    tenant: Template
    readers: tuple[Template, ...] = Field(min_length=1)
    denied: tuple[Template, ...] = ()
    attributes: dict[str, Template] = {}

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
    quality: Quality = Quality()
    relation: Annotated[tuple[RelationRule, ...], BeforeValidator(_listed, json_schema_input_type=_OneOrMore)] = ()

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


class Contract(_Model):
    """A source: where it is captured, how fresh it must be, what its tables mean."""

    source: SourceName
    connector: Connector
    freshness: Freshness = Freshness()
    tables: dict[TableName, TableContract] = Field(min_length=1)

    @property
    def beat_topic(self) -> str:
        return beat_topic(self.source)

    def raw_topics(self) -> dict[str, str]:
        """Raw topic -> table."""
        return {raw_topic(self.source, table): table for table in self.tables}


def json_schema() -> dict[str, Any]:
    """The JSON Schema that editors check a contract with."""
    return Contract.model_json_schema(mode="validation")
