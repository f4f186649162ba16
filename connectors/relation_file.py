"""`relations.yaml` beside the source contracts: which relations follow from others. Optional; all mistakes at once."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from connectors.document import Document, read_document
from connectors.mistakes import ContractInvalid, Mistake, did_you_mean
from schemas.contract import Contract
from schemas.relation_model import Contradiction, RelationModel, contradictions, json_schema
from schemas.rewrite import Rewrite

RELATIONS_FILE = "relations.yaml"
_ADVICE = {
    "string_type": "write the rewrite as text, such as `this or viewer from parent`",
    "dict_type": "write `name: value` lines here",
    "model_type": "begin with `types:`, and under it each type with its relations",
    "too_short": "give the type at least one relation, or take it away",
    "string_pattern_mismatch": "use lower-case letters, digits and _, and begin with a letter",
}


class RelationsInvalid(ContractInvalid):
    """The relations file is not usable as it is; every mistake is listed."""

    code = "relations_invalid"


def load_relations(folder: Path, contracts: Iterable[Contract] = ()) -> RelationModel:
    """The relation model of a folder of contracts; an empty one where there is no file.

    Raises RelationsInvalid with all mistakes, among them those between the model and what `contracts` write.
    """
    file = folder / RELATIONS_FILE
    return load_relation_file(file, contracts) if file.exists() else RelationModel()


def load_relation_file(file: Path, contracts: Iterable[Contract] = ()) -> RelationModel:
    """The relation model of a file. Raises RelationsInvalid with all its mistakes."""
    document = read_document(file)
    mistakes = list(document.mistakes)
    model = RelationModel()
    if document.data is not None:
        try:
            model = RelationModel.model_validate(document.data)
        except ValidationError as error:
            details = error.errors(include_url=False)
            mistakes += [_explain(document, detail) for detail in details if detail["loc"]]
            mistakes += [_explain(document, detail) for detail in details if detail["type"] == "model_type"]
        types = _readable(document.data)
        mistakes += [_contradiction(document, one) for one in contradictions(types) if not _told(mistakes, one)]
        mistakes += _unused(document, types, contracts)
    if mistakes:
        raise RelationsInvalid(mistakes)
    return model


def relations_schema_text() -> str:
    """The JSON Schema as it stands in `connectors/relations.schema.json`."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **json_schema()}
    return json.dumps(schema, indent=2) + "\n"


def write_relations_schema(path: Path) -> None:
    """Write the schema; idempotent."""
    path.write_text(relations_schema_text(), encoding="utf-8")


def _explain(document: Document, error: ErrorDetails) -> Mistake:
    loc = tuple(step for step in error["loc"] if step != "[key]")
    what, todo = error["msg"], _ADVICE.get(error["type"], "correct this value")
    match error["type"]:
        case "extra_forbidden":
            what = f"unknown field {str(loc[-1])!r}"
            todo = did_you_mean(str(loc[-1]), ["types"], "the one field here is `types`; put types under it")
        case "too_short":
            what = "the type has no relation"
        case "value_error":
            what, _, todo = what.removeprefix("Value error, ").partition("; ")
            todo = todo or "join relations with `or`, `and`, `but not`, `from` and ( )"
    return document.mistake(
        loc, what.replace("valid dictionary", "mapping").removesuffix(" or instance of RelationModel"), todo
    )


def _readable(data: Any) -> dict[str, dict[str, Rewrite]]:
    """The relations of each type as far as they can be read; an unreadable rewrite stands as `this` for the others."""
    types = data.get("types") if isinstance(data, dict) else None
    found: dict[str, dict[str, Rewrite]] = {}
    for type_name, relations in types.items() if isinstance(types, dict) else ():
        if isinstance(relations, dict):
            found[str(type_name)] = {str(name): _rewrite(text) for name, text in relations.items()}
    return found


def _rewrite(text: Any) -> Rewrite:
    try:
        return Rewrite(text if isinstance(text, str) else "this")
    except ValueError:
        return Rewrite("this")


def _contradiction(document: Document, one: Contradiction) -> Mistake:
    todo = did_you_mean(one.unknown, one.known, one.todo) if one.unknown else one.todo
    return document.mistake(("types", one.type, one.relation), one.what, todo)


def _told(mistakes: Iterable[Mistake], one: Contradiction) -> bool:
    """Whether the relation is already said to be unreadable, so that nothing more can be said of it."""
    return any(mistake.where == f"types.{one.type}.{one.relation}" for mistake in mistakes)


def _unused(
    document: Document, types: dict[str, dict[str, Rewrite]], contracts: Iterable[Contract]
) -> Iterator[Mistake]:
    """Tuples that a contract writes, or usersets that its labels name, and that the model has no place for."""
    for contract in contracts:
        for table, told in contract.record_tables().items():
            place = f"{contract.source}, {table}"
            for rule in told.relation:
                yield from _of_rule(document, types, place, (_type(rule.object.text), rule.relation))
            named = (*told.permissions.readers, *told.permissions.denied) if told.permissions else ()
            for text in [template.text for template in named] + [rule.subject.text for rule in told.relation]:
                relation = text.rpartition("#")[2] if "#" in text else ""
                if relation and "{" not in relation and relation not in types.get(_type(text), {relation: ""}):
                    what = f"{place} names {text}, and {_type(text)!r} has no relation {relation!r}"
                    todo = did_you_mean(
                        relation, types[_type(text)], f"add `{relation}: this`, or correct the contract"
                    )
                    yield document.mistake(("types", _type(text)), what, todo)


def _of_rule(
    document: Document, types: dict[str, dict[str, Rewrite]], place: str, at: tuple[str, str]
) -> Iterator[Mistake]:
    type_name, relation = at
    if type_name not in types:
        return
    rewrite = types[type_name].get(relation)
    if rewrite is None:
        what = f"{place} writes tuples of {relation!r}, which {type_name!r} does not have"
        yield document.mistake(("types", type_name), what, f"add `{relation}: this`, or correct the contract")
    elif not rewrite.takes_tuples:
        what = f"{place} writes tuples of it, which do not count without `this`"
        todo = f"write `this or {rewrite}`, or take the relation out of the contract"
        yield document.mistake(("types", type_name, relation), what, todo)


def _type(text: str) -> str:
    """The type that a template's text begins with: `folder:{id}` is a folder; "" where it comes from a column."""
    name, colon, _ = text.partition(":")
    return name if colon and "{" not in name else ""
