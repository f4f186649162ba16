"""Permission labels: the canonical set of a record's permission attributes, named by its own content."""

import hashlib
from typing import Annotated, NewType, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

LabelId = NewType("LabelId", int)

Principals = Annotated[tuple[str, ...], AfterValidator(lambda names: tuple(sorted(set(names))))]
"""Sorted, without repeats, so that equal sets are equal text."""


class Label(BaseModel):
    """Who may read. `readers` and `denied` hold principals (`user:<id>`) and usersets (`team:7#member`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: str = Field(min_length=1)
    readers: Principals = Field(min_length=1)
    denied: Principals = ()
    attributes: dict[str, str] = {}

    @property
    def id(self) -> LabelId:
        """A 63-bit content hash, never 0: the same attributes give the same id on every machine."""
        canonical = self.model_copy(update={"attributes": dict(sorted(self.attributes.items()))})
        digest = hashlib.sha256(canonical.model_dump_json().encode()).digest()
        return LabelId((int.from_bytes(digest[:8]) >> 1) or 1)


class LabelDefinition(BaseModel):
    """One message of `freshline.labels`; a definition that does not hash to its own id is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: LabelId
    label: Label

    @classmethod
    def of(cls, label: Label) -> Self:
        return cls(id=label.id, label=label)

    @property
    def genuine(self) -> bool:
        return self.id == self.label.id
