"""The calls about webhooks: changes sent to an endpoint of yours. Every contract is one of schemas/webhook.py."""

from typing import Any

from pydantic import TypeAdapter

from query.client.call import Call, Request
from query.client.calls import made, new_key, one, params, post, segment, standing_of
from schemas.update import Standing
from schemas.webhook import Delivery, DeliveryState, MadeWebhook, NewWebhook, Redelivered, Webhook

_WEBHOOKS = TypeAdapter(list[Webhook])
_DELIVERIES = TypeAdapter(list[Delivery])


def create(url: str, standing: Standing | str, *, idempotency_key: str = "", **options: Any) -> Call[MadeWebhook]:
    """Have changes sent to `url` until the token expires. `options` are those of schemas.update.Standing.

    One is made, however often it had to be sent. With a key of your own that holds over restarts: the same key gives
    the same webhook and the same `secret`, which nothing else tells again.
    """
    new = made(NewWebhook, url=url, question=standing_of(standing, **options))
    return Call(post("/v1/webhooks", new, idempotency_key or new_key()), one(MadeWebhook))


def mine() -> Call[list[Webhook]]:
    """Your webhooks, the oldest first."""
    return Call(Request("GET", "/v1/webhooks"), lambda body: _WEBHOOKS.validate_json(body, extra="ignore"))


def end(webhook_id: str) -> Call[None]:
    """End a webhook. What was not delivered is forgotten. It is sent again where its reply was lost: UnknownRecord may
    then say that the first time was enough."""
    return Call(Request("DELETE", f"/v1/webhooks/{segment(webhook_id)}"), lambda _: None)


def deliveries(webhook_id: str, state: DeliveryState | None = None) -> Call[list[Delivery]]:
    """The latest deliveries that were tried, newest first."""
    asked = Request("GET", f"/v1/webhooks/{segment(webhook_id)}/deliveries", params(state=state))
    return Call(asked, lambda body: _DELIVERIES.validate_json(body, extra="ignore"))


def redeliver(webhook_id: str) -> Call[Redelivered]:
    """Try every dead delivery of a webhook again."""
    return Call(Request("POST", f"/v1/webhooks/{segment(webhook_id)}/redeliver"), one(Redelivered))
