"""What an index shows after a hard event, judged. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from bench.events.hard import HardCase, Shown
from schemas.template import PLACEHOLDER

Verdict = Literal["right", "wrong", "crashed", "stuck", "not run"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`what` happened, in words; nothing where it is right."""

    verdict: Verdict
    what: str = ""

    def __str__(self) -> str:
        return self.verdict if not self.what else f"**{self.verdict}**: {self.what}"


def judge(case: HardCase, found: Mapping[str, Shown]) -> Outcome:
    """Compare what is shown of the rows of a case with what must be shown."""
    wrong = [_wrong(case, key, found.get(key)) for key in sorted(case.keys)]
    told = list(dict.fromkeys(what for what in wrong if what))
    return Outcome("wrong", "; ".join(told)) if told else Outcome("right")


def shown(rows: Iterable[Mapping[str, Any]]) -> dict[str, Shown]:
    """Key -> what is shown, from the rows of a collection, however the system that wrote them names its fields.

    Where a key has several rows their texts stand one after another: no case has a text of more than one chunk.
    """
    found: dict[str, Shown] = {}
    for row in rows:
        key, here = _key(row), Shown(row["text"], str(_beside(row).get("status")))
        before = found.get(key)
        found[key] = here if before is None else Shown(" | ".join(sorted((before.text, here.text))), here.status)
    return found


def _wrong(case: HardCase, key: str, now: Shown | None) -> str | None:
    right = case.right.get(key)
    if right is None:
        return None if now is None else "a row that is gone is still shown"
    if now is None:
        return "the row is missing"
    if now.text == right.text:
        return (
            None if now.status == right.status else f"the text is right, the column beside it is still {now.status!r}"
        )
    if PLACEHOLDER in now.text:
        return "Debezium's placeholder is shown as the text"
    if now.text in _texts(case, key):
        return "an older version is shown"
    return f"it shows {now.text!r}"


def _texts(case: HardCase, key: str) -> set[str]:
    """Every text that the row ever had."""
    values = [orjson.loads(event.value) for event in (*case.first, *case.then) if event.value is not None]
    return {value["after"]["body"] for value in values if value["after"] and str(value["after"]["id"]) == key}


def _key(row: Mapping[str, Any]) -> str:
    """Ours: source/table/KEY; the rivals' own collection: KEY; LlamaIndex: KEY; PyDebeziumAI: schema.table:KEY."""
    name = next(str(row[field]) for field in ("record_id", "record", "doc_id", "pk") if field in row)
    return name.replace(":", "/").rpartition("/")[2]


def _beside(row: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = row.get("metadata", row)
    found: Mapping[str, Any] = orjson.loads(metadata) if isinstance(metadata, str) else metadata
    return found
