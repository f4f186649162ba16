"""Webhooks: what an agent asks for, and what it is told of them. Times are milliseconds since 1970, UTC."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.update import Standing

DeliveryState = Literal["due", "done", "dead"]
"""due: to be tried, again perhaps. done: the endpoint took it. dead: given up; it can be sent again."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewWebhook(_Model):
    """Where to send what changes: a URL with https, reached at a public address."""

    url: Annotated[
        str, Field(min_length=1, max_length=2000, pattern="^https?://", examples=["https://agents.example/freshline"])
    ]
    question: Standing


class Webhook(NewWebhook):
    """It ends when the token it was made with expires (`expires_ms`) or is revoked."""

    id: str
    made_ms: int
    expires_ms: int


class MadeWebhook(Webhook):
    """`secret` is shown this once: with it the endpoint checks signatures (Standard Webhooks)."""

    secret: str


class Delivery(_Model):
    """One version for one webhook. `id` is the header `webhook-id`; it does not tell of which record."""

    id: str
    state: DeliveryState
    attempts: int
    made_ms: int
    due_ms: int
    error: str
    """Of the last attempt: `unreachable`, `timed_out`, or `status_<number>`; empty where there was none."""


class Redelivered(_Model):
    """How many deliveries are due again."""

    count: int
