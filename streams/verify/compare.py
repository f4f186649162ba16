"""Compares what is expected of a record with what is found. Pure."""

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from index.embedder import NORM_TOLERANCE
from index.store import Held, Mark, Row, Vector
from schemas.errors import Rejected
from schemas.label import LabelId
from schemas.position import Position
from schemas.relation import Grant
from streams.verify.expected import UNKNOWN_MS, Expected

Kind = Literal["missing", "extra", "stale", "mislabelled", "grant_missing", "grant_extra", "grant_stale", "ahead"]
"""missing: a row is not in the index. extra: the index has a record, or chunks, that no row stands for. stale: content
differs, or vectors are broken. mislabelled: another may see it than the row says, or nobody, as the label is unknown.
grant_…: the same of what a row grants. ahead: its position is beyond the end of the source's log, so that no change of
the source will ever be applied (the database was set back, or the index tampered with): only a rebuild helps."""
KINDS: tuple[Kind, ...] = get_args(Kind)

CLOSE = 1e-3
"""How far a component of a vector may be from that of a new embedding of its text."""
_SHOWN = ("source", "table", "title", "text", "url", "text_hash", "chunk", "chunks")


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `detail` says in words what differs, without any content."""

    kind: Kind
    table: str
    record_id: str
    detail: str

    @property
    def of_grant(self) -> bool:
        return self.kind.startswith("grant_")


@dataclass(frozen=True, slots=True)
class Found:
    """What the index and the topics hold of a record. `end` is the end of the source's log, read after the rest."""

    held: Held
    strays: tuple[Mark, ...] = ()
    grant: Grant | None = None
    end: Position | None = None


def content_difference(
    expected: Expected | None, found: Found, labels: Set[LabelId], vectors: Mapping[str, Vector] | None = None
) -> tuple[Kind, str] | None:
    """How the index differs from a row, None = not. `expected` None: there is no such row.

    `labels`: those defined. `vectors`: by text hash, new embeddings of the expected texts, to compare with.
    """
    difference = _shown(expected, found, labels, vectors)
    if difference is not None:
        return difference
    if found.strays:
        return "extra", f"{len(found.strays)} chunks without a head that tells of them"
    if found.held.rows and found.end is not None and found.held.position > found.end:
        return "ahead", f"the index holds position {found.held.position}, the source's log ends at {found.end}"
    return None


def _shown(
    expected: Expected | None, found: Found, labels: Set[LabelId], vectors: Mapping[str, Vector] | None
) -> tuple[Kind, str] | None:
    held = found.held.rows
    if expected is None:
        return ("extra", "there is no such row") if held else None
    if expected.change is None:
        return None
    if expected.rows is None:
        return _relabelled(expected, held, labels)
    if not expected.rows:
        return ("extra", _why_not(expected.rejected)) if held else None
    if not held:
        return "missing", "the row is not in the index"
    wrong = _differing(expected, held, vectors)
    if any(row.label != expected.change.label for row in held):
        return "mislabelled", ", ".join(["label", *wrong])
    if wrong:
        return "stale", ", ".join(wrong)
    return _undefined(held, labels)


def _relabelled(expected: Expected, held: tuple[Row, ...], labels: Set[LabelId]) -> tuple[Kind, str] | None:
    """The row's content was rejected: an older version may stand, but who may see it must be right."""
    if expected.change is not None and any(row.label != expected.change.label for row in held):
        return "mislabelled", "label of the last version that could be applied"
    return _undefined(held, labels)


def _undefined(held: tuple[Row, ...], labels: Set[LabelId]) -> tuple[Kind, str] | None:
    if any(row.label not in labels for row in held):
        return "mislabelled", "the label has no definition, so nobody sees the record"
    return None


def _why_not(rejected: Rejected | None) -> str:
    return f"it must not be shown: {rejected}" if rejected is not None else "the row has no text"


def _differing(expected: Expected, held: tuple[Row, ...], vectors: Mapping[str, Vector] | None) -> list[str]:
    """Names of what differs."""
    rows = expected.rows or ()
    wrong = {
        name
        for want, have in zip(rows, held, strict=False)
        for name in _SHOWN
        if getattr(want, name) != getattr(have, name)
    }
    wrong |= {
        name
        for want, have in zip(rows, held, strict=False)
        for name in ("key", "metadata")
        if not _same_json(getattr(want, name), getattr(have, name))
    }
    if len(rows) != len(held):
        wrong.add("number of chunks")
    if any(want.event_ms not in (UNKNOWN_MS, have.event_ms) for want, have in zip(rows, held, strict=False)):
        wrong.add("event time")
    if len({(row.position, row.commit_ms) for row in held}) > 1:
        wrong.add("chunks of several versions")
    if any(not _is_unit(row.vector) for row in held):
        wrong.add("vector is broken")
    elif vectors is not None and not all(_close(row.vector, vectors.get(row.text_hash)) for row in held):
        wrong.add("vector is not that of the text")
    return sorted(wrong)


def _same_json(one: str, other: str) -> bool:
    try:
        return bool(one == other or json.loads(one) == json.loads(other))
    except ValueError:
        return False


def _is_unit(vector: Vector) -> bool:
    return bool(vector.size and abs(float(np.linalg.norm(vector)) - 1.0) <= NORM_TOLERANCE)  # false for NaN too


def _close(vector: Vector, wanted: Vector | None) -> bool:
    return wanted is None or (vector.shape == wanted.shape and bool(np.allclose(vector, wanted, atol=CLOSE)))


def grant_difference(expected: Expected | None, found: Found) -> tuple[Kind, str] | None:
    """How what a row is said to grant differs from what it grants, None = not."""
    wanted = set(expected.grant.tuples) if expected is not None and expected.grant is not None else set()
    given = set(found.grant.tuples) if found.grant is not None else set()
    if wanted != given:
        if not given:
            return "grant_missing", f"{len(wanted)} grants of the row are not known"
        if not wanted:
            return "grant_extra", f"{len(given)} grants that no row gives"
        return "grant_stale", f"{len(wanted - given)} grants are not known, {len(given - wanted)} are no longer given"
    if found.grant is not None and given and found.end is not None and found.grant.position > found.end:
        return "ahead", f"the grant has position {found.grant.position}, the source's log ends at {found.end}"
    return None
