"""Relations: who belongs to which userset, as one granting row says it now."""

from pydantic import BaseModel, ConfigDict, Field

from schemas.position import Position


class RelationTuple(BaseModel):
    """`subject` has `relation` to `object`: user:alice@acme.example is member of team:7.

    `subject` may be a userset itself (`team:7#member`). A tuple holds within its tenant only.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant: str = Field(min_length=1)
    object: str = Field(min_length=1)
    relation: str = Field(min_length=1)
    subject: str = Field(min_length=1)

    @property
    def userset(self) -> str:
        return f"{self.object}#{self.relation}"


class Grant(BaseModel):
    """One message of `freshline.relations`: all that the row `record_id` grants as of `position`; empty = nothing.

    With `truncated`, `record_id` is a table's id: no row of that table older than `position` grants anything.
    `unreadable`: the row's newest version was rejected: it grants nothing, but may name anybody that is to be denied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    record_id: str
    position: Position
    commit_ms: int
    tuples: tuple[RelationTuple, ...] = ()
    truncated: bool = False
    unreadable: bool = False
