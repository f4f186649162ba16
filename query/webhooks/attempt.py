"""One attempt to deliver: everything is checked again, as if the agent asked now, and only then a body is made."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from query.asker import Asker, Circumstances
from query.capabilities.revoked import Revocations
from query.search import Parts
from query.updates.match import LATER, Match, matches, recorded
from query.webhooks.signing import Secrets
from query.webhooks.store import UNTOLD, Due, Kept, WebhookStore
from schemas.errors import NotAvailable, Refused, Unauthenticated
from schemas.update import Delivered

BACKOFF_S = (5, 30, 120, 600, 3600, 4 * 3600, 12 * 3600)
"""Before each next attempt, a fifth more or less at random; one attempt more than these, then it is dead."""
LONGEST_MS = 24 * 3600 * 1000
LOOK_AGAIN_MS, MOST_LATER_MS = 1_000, 60_000
LATER_BY = 10
"""What is not decided is looked at again after a second, and then the more rarely: later by one part in so many."""
JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Ready:
    """A signed request that may leave now."""

    due: Due
    url: str
    headers: dict[str, str]
    body: bytes


class Attempts:
    """What is sent, and what becomes of it afterwards. Blocking; thread-safe."""

    def __init__(self, parts: Parts, revocations: Revocations, store: WebhookStore, secrets: Secrets) -> None:
        self._parts, self._revocations, self._store, self._secrets = parts, revocations, store, secrets

    def prepare(self, due: Due) -> Ready | None:
        """The request, which is on record by then; None where there is nothing to send, now or ever."""
        kept = self._store.get(due.webhook)
        if kept is None:
            self._store.drop(due.id)
            return None
        now_ms = self._parts.clock().wall_ms
        about = Circumstances(now_ms, kept.webhook.question.purpose, kept.address)
        try:
            asker = self.alive(kept)
            if asker is None:
                return None
            (outcome,) = matches(self._parts, asker, about, kept.webhook.question, [due.update])
            if isinstance(outcome, Match):
                return self._ready(due, kept, asker, about, outcome)
            if outcome == LATER and now_ms - due.made_ms < LONGEST_MS:
                self._look_again(due, now_ms)
            else:
                self._store.drop(due.id)
        except NotAvailable:
            self._look_again(due, now_ms)
        except Refused:
            self._store.drop(due.id)
        return None

    def alive(self, kept: Kept) -> Asker | None:
        """For whom the webhook speaks. None, and the webhook is ended, if its token has expired or is revoked.

        Raises PermissionsUnknown while it is not known what is revoked.
        """
        asker, now = kept.who(), self._parts.clock()
        chain = [link.revocation_id for link in asker.mandate.chain]
        try:
            self._revocations.require_good(chain, self._parts.grounds.lag_limit_s, now)
        except Unauthenticated:
            self._store.end(kept.webhook.id)
            return None
        if kept.webhook.expires_ms <= now.wall_ms:
            self._store.end(kept.webhook.id)
            return None
        return asker

    def delivered(self, due: Due) -> None:
        self._store.settle(due.id, "done")

    def failed(self, due: Due, error: str, *, is_gone: bool) -> None:
        """The endpoint did not take it: nothing else is sent to it before the next try. One that says it is gone (410)
        ends its webhook."""
        if is_gone:
            self._store.end(due.webhook)
        else:
            self._fail(due, error, holds_back=True)

    def broken(self, due: Due) -> None:
        """It went wrong here, perhaps for ever. That counts as a try, so that it ends; it holds no other back."""
        self._fail(due, UNTOLD, holds_back=False)

    def _fail(self, due: Due, error: str, *, holds_back: bool) -> None:
        """Try again later, or give up."""
        now_ms = self._parts.clock().wall_ms
        if due.attempts >= len(BACKOFF_S) or now_ms - due.made_ms >= LONGEST_MS:
            self._store.settle(due.id, "dead", error)
            return
        again_ms = now_ms + round(BACKOFF_S[due.attempts] * random.uniform(1 - JITTER, 1 + JITTER) * 1000)
        self._store.fail(due, error, again_ms)
        if holds_back:
            self._store.postpone_all(due.webhook, again_ms)

    def _look_again(self, due: Due, now_ms: int) -> None:
        pause_ms = min((now_ms - due.made_ms) // LATER_BY, MOST_LATER_MS)
        self._store.postpone(due.id, now_ms + max(pause_ms, LOOK_AGAIN_MS))

    def _ready(self, due: Due, kept: Kept, asker: Asker, about: Circumstances, match: Match) -> Ready | None:
        webhook, hit = kept.webhook, match.hit
        if hit.position != due.update.position:
            # A later version is there: that one is delivered, once, under its own name.
            later = match.update.model_copy(update={"position": hit.position, "commit_ms": hit.commit_ms})
            name = self._secrets.delivery_id(webhook.id, hit.record_id, hit.position)
            self._store.note([(name, webhook.id, later)], about.at_ms)
            self._store.drop(due.id)
            return None
        pushed = recorded(self._parts, asker, about, webhook.question, match)
        at = datetime.fromtimestamp(about.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        data = {"webhook": webhook.id, **pushed.model_dump(mode="json")}
        body = orjson.dumps(Delivered(timestamp=at, data=data).model_dump(mode="json"))
        return Ready(due, webhook.url, self._secrets.headers(webhook.id, due.id, about.at_ms, body), body)
