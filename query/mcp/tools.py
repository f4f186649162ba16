"""The tools: for each its words and schemas, and the call of the API behind it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Any, TypeVar

import mcp_types as types
import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from query.explain import Explanation
from query.mcp import words
from query.mcp.port import Api
from query.mcp.quote import record_text
from schemas.answer import Answer, Asked, Question, SourceFreshness
from schemas.decision import Decision, Recorded
from schemas.errors import InvalidQuestion
from schemas.record import Record, SourcePage

Json = dict[str, Any]
Arguments = Mapping[str, Any]
M = TypeVar("M", bound=BaseModel)
UNSAID = frozenset({"context", "timings", "next_cursor"})
"""Of an answer: what is given as text instead, and what a model has no use for."""
NOTHING = "No record that you may see answers this."
NO_ROOM = "There are hits, but none fits into budget_tokens."


@dataclass(frozen=True, slots=True)
class Given:
    """What a tool gives: for programs, and as blocks of text for the model."""

    structured: Json
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """`call` raises InvalidQuestion for arguments that are not usable, and what the API raises. `changes`: it leaves
    something behind, though not twice for the same arguments."""

    name: str
    title: str
    description: str
    arguments: Json
    result: Json
    call: Callable[[Api, Arguments], Awaitable[Given]] = field(repr=False)
    changes: bool = False

    def listed(self) -> types.Tool:
        hints = types.ToolAnnotations(
            read_only_hint=not self.changes, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        )
        return types.Tool(
            name=self.name,
            title=self.title,
            description=self.description,
            input_schema=self.arguments,
            output_schema=self.result,
            annotations=hints,
        )


class _Contract(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NoArguments(_Contract):
    """Takes none."""


class Turned(_Contract):
    """Which page."""

    cursor: Annotated[str, Field(max_length=1000)] = ""
    """`next_cursor` of the page before; the first one by default."""


class Freshness(_Contract):
    """How far each source is searchable."""

    sources: list[SourceFreshness]


async def _search(api: Api, arguments: Arguments) -> Given:
    if unknown := sorted(arguments.keys() - words.SEARCH_ARGUMENTS.keys()):
        raise InvalidQuestion(f"no argument of this tool: {', '.join(unknown)}")
    answer = await api.search(_read(Question, {**arguments, "context": True}))
    structured = answer.model_dump(mode="json", exclude=set(UNSAID))
    nothing = NO_ROOM if answer.tokens is not None and answer.tokens.left_out else NOTHING
    beside = {name: value for name, value in structured.items() if name != "hits"}
    return Given(structured, (answer.context or nothing, _text(beside)))


async def _check_freshness(api: Api, arguments: Arguments) -> Given:
    _read(NoArguments, arguments)
    return _told(Freshness(sources=await api.freshness()))


async def _get_record(api: Api, arguments: Arguments) -> Given:
    asked = _read(Asked, arguments)
    record = await api.record(asked.record_id, asked.purpose)
    return Given(record.model_dump(mode="json"), (record_text(record), _text({"id": record.id})))


async def _list_sources(api: Api, arguments: Arguments) -> Given:
    return _told(await api.sources(cursor=_read(Turned, arguments).cursor))


async def _explain_access(api: Api, arguments: Arguments) -> Given:
    asked = _read(Asked, arguments)
    return _told(await api.explain(asked.record_id, asked.purpose))


async def _record_decision(api: Api, arguments: Arguments) -> Given:
    decision = _read(Decision, arguments)
    same = sha256(decision.model_dump_json().encode()).hexdigest()[:32]
    return _told(await api.decide(decision, idempotency_key=same))


def _told(result: BaseModel) -> Given:
    structured = result.model_dump(mode="json")
    return Given(structured, (_text(structured),))


def _text(value: Json) -> str:
    return orjson.dumps(value).decode()


def _read(model: type[M], arguments: Arguments) -> M:
    try:
        return model.model_validate(arguments)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise InvalidQuestion("; ".join(wrong)) from None


def _taken(model: type[BaseModel], descriptions: Mapping[str, str] | None = None) -> Json:
    """The schema of a tool's arguments; with descriptions only of those that have one."""
    schema = model.model_json_schema()
    if descriptions is not None:
        given = schema["properties"]
        schema["properties"] = {name: given[name] | {"description": said} for name, said in descriptions.items()}
    return schema


def _given(model: type[BaseModel], without: frozenset[str] = frozenset()) -> Json:
    """The schema of a tool's result."""
    schema = model.model_json_schema(mode="serialization")
    schema["properties"] = {name: said for name, said in schema["properties"].items() if name not in without}
    schema["required"] = [name for name in schema["required"] if name not in without]
    return schema


TOOLS = {
    tool.name: tool
    for tool in (
        Tool(
            "search",
            "Search",
            words.SEARCH,
            _taken(Question, words.SEARCH_ARGUMENTS),
            _given(Answer, UNSAID),
            _search,
        ),
        Tool("get_record", "Get a record", words.RECORD, _taken(Asked), _given(Record), _get_record),
        Tool(
            "check_freshness",
            "Check freshness",
            words.FRESHNESS,
            _taken(NoArguments),
            _given(Freshness),
            _check_freshness,
        ),
        Tool("list_sources", "List sources", words.SOURCES, _taken(Turned), _given(SourcePage), _list_sources),
        Tool("explain_access", "Explain access", words.EXPLAIN, _taken(Asked), _given(Explanation), _explain_access),
        Tool(
            "record_decision",
            "Record a decision",
            words.DECIDE,
            _taken(Decision),
            _given(Recorded),
            _record_decision,
            changes=True,
        ),
    )
}
"""By name, in the order in which they are listed."""
