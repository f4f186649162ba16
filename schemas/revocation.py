"""Revocation: a token, or one hand of its chain, that counts no more."""

from pydantic import BaseModel, ConfigDict, Field


class Revocation(BaseModel):
    """One message of `freshline.revocations`, keyed by `id`.

    `id`: a revocation id of a capability's block (it ends what that hand passed on, too), or the `jti` of a JWT. Times
    are milliseconds since 1970, UTC. After `expires_ms` every token with the id has expired by itself; None = never.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1, max_length=256)
    revoked_ms: int = Field(ge=0)
    expires_ms: int | None = Field(default=None, ge=0)
