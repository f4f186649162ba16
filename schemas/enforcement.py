"""Confirming at the source: where a contract says so, nothing leaves that the database would not show the asker now."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.duration import Duration

Enforce = Literal["index", "source"]
"""index: labels decide what is shown. source: labels decide what is looked for, the database what is shown."""

Parameter = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$")]
"""A PostgreSQL setting of our own: it has a dot."""

Setting = Annotated[str, Field(min_length=1)]
"""As it is, or by reference: `${env:NAME}`, `${file:/path}` (all that the file holds)."""

Reference = Annotated[str, Field(pattern=r"^\$\{(env|file):[^}]+\}$")]
"""By reference only."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Login(_Model):
    """How the database is reached for reading. What is left out is as FRESHLINE_PG_… says."""

    host: Setting | None = None
    port: Setting | int | None = None
    dbname: Setting | None = None
    user: Setting | None = None
    password: Reference | None = None
    sslmode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "prefer"


class AtSource(_Model):
    """As which role the database is read, and in which settings its row-level policies find who asks.

    `within` is the time that confirming may take, per question and source. `attributes` are told as one JSON object.
    """

    role: Annotated[str, Field(min_length=1, max_length=63)]
    within: Duration = 0.5
    subject: Parameter = "freshline.subject"
    tenant: Parameter = "freshline.tenant"
    agent: Parameter = "freshline.agent"
    attributes: Parameter = "freshline.attributes"
    connection: Login = Login()
