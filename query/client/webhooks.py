"""The calls about webhooks: changes sent to an endpoint of yours. Every contract is one of schemas/webhook.py."""

from typing import Any

from pydantic import TypeAdapter

from query.client.call import Call, Request
from query.client.calls import made, one, params, post, segment, standing_of
from schemas.update import Standing
from schemas.webhook import Delivery, DeliveryState, MadeWebhook, NewWebhook, Redelivered, Webhook

_WEBHOOKS = TypeAdapter(list[Webhook])
_DELIVERIES = TypeAdapter(list[Delivery])


def create(url: str, standing: Standing | str, **options: Any) -> Call[MadeWebhook]:
    """Have changes sent to `url` until the token expires. `options` are those of schemas.update.Standing. Keep the
    `secret`: it is not told again.

    Not sent again where its reply was lost: that could make two. Look with `webhooks` then.
    """
    new = made(NewWebhook, url=url, question=standing_of(standing, **options))
    return Call(post("/v1/webhooks", new), one(MadeWebhook), repeatable=False)


def mine() -> Call[list[Webhook]]:
    """Your webhooks, the oldest first."""
    return Call(Request("GET", "/v1/webhooks"), lambda body: _WEBHOOKS.validate_json(body, extra="ignore"))


def end(webhook_id: str) -> Call[None]:
    """End a webhook. What was not delivered is forgotten."""
    return Call(Request("DELETE", f"/v1/webhooks/{segment(webhook_id)}"), lambda _: None, repeatable=False)


def deliveries(webhook_id: str, state: DeliveryState | None = None) -> Call[list[Delivery]]:
    """The latest deliveries that were tried, newest first."""
    asked = Request("GET", f"/v1/webhooks/{segment(webhook_id)}/deliveries", params(state=state))
    return Call(asked, lambda body: _DELIVERIES.validate_json(body, extra="ignore"))


def redeliver(webhook_id: str) -> Call[Redelivered]:
    """Try every dead delivery of a webhook again."""
    return Call(Request("POST", f"/v1/webhooks/{segment(webhook_id)}/redeliver"), one(Redelivered))
