"""What a contract says of time: how fresh a source must be, how fast rows lose worth, how long the past is kept."""

from pydantic import BaseModel, ConfigDict, Field

from schemas.duration import Duration


class Freshness(BaseModel):
    """How fresh the source must be and how fast its rows lose worth. `slo` and `half_life` are durations.

    `floor` is what is left of a very old row's relevance (0 to 1). `history` is how long superseded versions are kept,
    so that questions `as_of` a past time can be answered; by default none is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    slo: Duration = 2.0
    half_life: Duration = 30 * 86400.0
    floor: float = Field(default=0.3, ge=0, le=1)
    history: Duration | None = None
