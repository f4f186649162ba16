"""Refusals of who asks for webhooks."""

from schemas.errors import NotAvailable, Refused


class TooManyWebhooks(Refused):
    """You have as many webhooks as one asker may; delete one first."""

    code = "too_many_webhooks"
    status = 409


class WebhooksUnavailable(NotAvailable):
    """Webhooks cannot be read or kept now; ask again later."""

    code = "webhooks_unavailable"
