"""`/v1/webhooks`: agents say where to send what changes, and see what became of it."""

from dataclasses import dataclass, field
from secrets import token_hex
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from query.asker import Asker
from query.decisions.recorder import UnknownRecord
from query.gateway.gate import SECURED, Gate, circumstances
from query.gateway.idempotency import InFlight, derived_id, idempotency_key
from query.gateway.refusals import KeyReused
from query.problems import documented
from query.search import Parts
from query.updates.match import matches
from query.webhooks.addresses import Reach
from query.webhooks.refusals import TooManyWebhooks, WebhooksUnavailable
from query.webhooks.signing import Secrets
from query.webhooks.store import Kept, WebhookStore
from schemas.errors import Forbidden, Unavailable
from schemas.webhook import Delivery, DeliveryState, MadeWebhook, NewWebhook, Redelivered, Webhook

MOST = 20
"""Webhooks of one asker."""
LISTED = 100
Id = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Key = Annotated[str | None, Depends(idempotency_key)]


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the routes need."""

    parts: Parts
    store: WebhookStore
    secrets: Secrets
    reach: Reach
    in_flight: InFlight = field(default_factory=InFlight)

    def make(self, asker: Asker, new: NewWebhook, request: Request, key: str | None = None) -> MadeWebhook:
        """Keep a webhook. The same `key` again gives the same one, for as long as it is kept.

        Raises InvalidQuestion, Forbidden, TooManyWebhooks; KeyReused for a key of another webhook, KeyInFlight while
        the first is being made.
        """
        if key is None:
            return self._made(asker, new, request, token_hex(16))
        made_id = derived_id(self.parts.recorder.secret("idempotency"), "webhook", asker, key)
        with self.in_flight.alone(made_id):
            return self._before(made_id, new) or self._made(asker, new, request, made_id)

    def _made(self, asker: Asker, new: NewWebhook, request: Request, made_id: str) -> MadeWebhook:
        about = circumstances(request, self.parts.clock, new.question.purpose)
        self.reach.target(new.url)
        expires_ms = asker.mandate.expires_ms
        if expires_ms is None:
            raise Forbidden("a webhook needs a token that expires")
        matches(self.parts, asker, about, new.question, [])
        webhook = Webhook(url=new.url, question=new.question, id=made_id, made_ms=about.at_ms, expires_ms=expires_ms)
        if self.store.add(Kept.of(webhook, asker, about.address), MOST):
            return self._told(webhook)
        # Another process may have made it meanwhile, for the same key.
        before = self._before(made_id, new)
        if before is None:
            raise TooManyWebhooks(f"you have {MOST} webhooks; delete one first")
        return before

    def _before(self, made_id: str, new: NewWebhook) -> MadeWebhook | None:
        """What was made under this id already. Raises KeyReused if that was something else."""
        kept = self.store.get(made_id)
        if kept is None:
            return None
        if (kept.webhook.url, kept.webhook.question) != (new.url, new.question):
            raise KeyReused()
        return self._told(kept.webhook)

    def _told(self, webhook: Webhook) -> MadeWebhook:
        return MadeWebhook(
            **webhook.model_dump(exclude={"question"}), question=webhook.question, secret=self.secrets.of(webhook.id)
        )

    def of(self, asker: Asker) -> list[Kept]:
        """The asker's own; of a token that was handed on, only those that were made with it or with what came of it."""
        principal, chain = asker.principal, asker.mandate.chain
        found = self.store.of_owner(principal.tenant, principal.subject)
        if len(chain) < 2:
            return found
        own = chain[-1].revocation_id
        return [kept for kept in found if own in [link.revocation_id for link in kept.who().mandate.chain]]

    def own(self, asker: Asker, webhook: str) -> str:
        """Its id. Raises UnknownRecord for one of others, as for one that does not exist."""
        if webhook not in [kept.webhook.id for kept in self.of(asker)]:
            raise UnknownRecord("there is no such webhook of yours")
        return webhook


def webhook_routes(hooks: Hooks, may: Gate) -> APIRouter:
    """The routes: whoever may search may be told, too."""
    router = APIRouter(tags=["updates"], dependencies=SECURED)
    may_search = may("search")

    @router.post("/v1/webhooks", status_code=201, responses=documented(401, 403, 409, 413, 422, 429, 500, 503))
    def make(new: NewWebhook, request: Request, who: Annotated[Asker, Depends(may_search)], key: Key) -> MadeWebhook:
        """Have every permitted change that is relevant enough sent to a URL, until the token expires."""
        with _at_hand():
            return hooks.make(who, new, request, key)

    @router.get("/v1/webhooks", responses=documented(401, 403, 429, 500, 503))
    def mine(who: Annotated[Asker, Depends(may_search)]) -> list[Webhook]:
        """Your webhooks, the oldest first."""
        with _at_hand():
            return [kept.webhook for kept in hooks.of(who)]

    @router.delete("/v1/webhooks/{webhook}", status_code=204, responses=documented(401, 403, 404, 422, 429, 500, 503))
    def end(webhook: Id, who: Annotated[Asker, Depends(may_search)]) -> Response:
        """End a webhook. What was not delivered is forgotten."""
        with _at_hand():
            hooks.store.end(hooks.own(who, webhook))
        return Response(status_code=204)

    @router.get("/v1/webhooks/{webhook}/deliveries", responses=documented(401, 403, 404, 422, 429, 500, 503))
    def deliveries(
        webhook: Id, who: Annotated[Asker, Depends(may_search)], state: DeliveryState | None = None
    ) -> list[Delivery]:
        """The latest deliveries that were tried, newest first, 100 at most."""
        with _at_hand():
            return hooks.store.tried(hooks.own(who, webhook), state, LISTED)

    @router.post("/v1/webhooks/{webhook}/redeliver", responses=documented(401, 403, 404, 422, 429, 500, 503))
    def redeliver(webhook: Id, who: Annotated[Asker, Depends(may_search)]) -> Redelivered:
        """Try every dead delivery again. Each is checked again, too."""
        with _at_hand():
            return Redelivered(count=hooks.store.redeliver(hooks.own(who, webhook), hooks.parts.clock().wall_ms))

    return router


class _at_hand:
    """A store that is away is a refusal."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Unavailable):
            raise WebhooksUnavailable() from None
