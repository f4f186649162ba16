"""Webhooks and their deliveries, durably: who asked, by which right, and what is still to be sent."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from query.asker import Asker
from query.webhooks.database import Database
from schemas.update import Update
from schemas.webhook import Delivery, DeliveryState, Webhook

EACH = 4
"""Deliveries of one webhook that are taken at once: one slow endpoint must not hold the others."""
UNTOLD = "internal_error"
"""Of a try that went wrong here. Nobody knows whether its owner may see the record, so he is not told of it."""
_ASKER = TypeAdapter(Asker)
M = TypeVar("M", bound=BaseModel)
log = logging.getLogger("freshline.query")


class Kept(BaseModel):
    """A webhook with the right it was made by: whose, narrowed how, revoked by which ids. Never the token."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    webhook: Webhook
    address: str
    asker: str

    @classmethod
    def of(cls, webhook: Webhook, asker: Asker, address: str) -> "Kept":
        return cls(webhook=webhook, address=address, asker=_ASKER.dump_json(asker).decode())

    def who(self) -> Asker:
        return _ASKER.validate_json(self.asker)


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that was taken to be tried now."""

    id: str
    webhook: str
    update: Update
    attempts: int
    made_ms: int


class WebhookStore:
    """Thread-safe, and safe for several processes. Every method raises Unavailable."""

    def __init__(self, database: Database) -> None:
        self._run, self._run_many = database.run, database.run_many

    def add(self, kept: Kept, most: int) -> bool:
        """Keep a webhook, unless its owner has `most` of them, or there is one of this id."""
        who, webhook = kept.who().principal, kept.webhook
        inserted = self._run(
            """INSERT INTO freshline_webhooks SELECT ?, ?, ?, ?, ?
               WHERE (SELECT count(*) FROM freshline_webhooks WHERE tenant = ? AND subject = ?) < ?
               ON CONFLICT DO NOTHING RETURNING id""",
            (
                webhook.id,
                who.tenant,
                who.subject,
                webhook.made_ms,
                kept.model_dump_json(),
                who.tenant,
                who.subject,
                most,
            ),
        )
        return bool(inserted)

    def of_owner(self, tenant: str, subject: str) -> list[Kept]:
        asked = "SELECT body FROM freshline_webhooks WHERE tenant = ? AND subject = ? ORDER BY made_ms, id"
        return [Kept.model_validate_json(body) for (body,) in self._run(asked, (tenant, subject))]

    def all(self) -> list[Kept]:
        """But for those that cannot be read: one must not hold up all others."""
        found = self._run("SELECT id, body FROM freshline_webhooks ORDER BY made_ms, id")
        return [kept for name, body in found if (kept := _read(Kept, name, body)) is not None]

    def get(self, webhook: str) -> Kept | None:
        found = self._run("SELECT body FROM freshline_webhooks WHERE id = ?", (webhook,))
        return Kept.model_validate_json(found[0][0]) if found else None

    def end(self, webhook: str) -> None:
        """Forget a webhook and all its deliveries."""
        self._run("DELETE FROM freshline_webhooks WHERE id = ?", (webhook,))
        self._run("DELETE FROM freshline_deliveries WHERE webhook = ?", (webhook,))

    def note(self, deliveries: Iterable[tuple[str, str, Update]], now_ms: int) -> None:
        """Deliveries to be tried: (id, webhook, update). One whose id is known is not noted again."""
        rows = [(name, webhook, update.model_dump_json(), now_ms, now_ms) for name, webhook, update in deliveries]
        if rows:
            self._run_many(
                "INSERT INTO freshline_deliveries VALUES (?, ?, ?, 'due', 0, ?, ?, '') ON CONFLICT DO NOTHING",
                [(name, webhook, body, made, due) for name, webhook, body, made, due in rows],
            )

    def take(self, now_ms: int, lease_ms: int, most: int, busy: Sequence[str]) -> list[Due]:
        """Deliveries that are due, the longest first, not of `busy` webhooks, and a few of each: nobody else takes
        them for `lease_ms`; not settled by then, they are due again."""
        holes = ", ".join("?" * len(busy))
        but = f"AND webhook NOT IN ({holes})" if busy else ""
        taken = self._run(
            f"""UPDATE freshline_deliveries SET due_ms = ? WHERE state = 'due' AND due_ms <= ? AND id IN (
                  SELECT id FROM (
                    SELECT id, due_ms, row_number() OVER (PARTITION BY webhook ORDER BY due_ms, made_ms, id) AS place
                    FROM freshline_deliveries WHERE state = 'due' AND due_ms <= ? {but}
                  ) AS waiting WHERE place <= ? ORDER BY due_ms LIMIT ?
                ) RETURNING id, webhook, body, attempts, made_ms""",
            (now_ms + lease_ms, now_ms, now_ms, *busy, EACH, most),
        )
        found = list[Due]()
        for name, hook, body, tries, made in taken:
            update = _read(Update, name, body)
            if update is not None:
                found.append(Due(name, hook, update, tries, made))
            else:
                self.settle(name, "dead", UNTOLD)
        return sorted(found, key=lambda due: (due.made_ms, due.id))

    def settle(self, delivery: str, state: DeliveryState, error: str = "") -> None:
        self._run(
            "UPDATE freshline_deliveries SET state = ?, attempts = attempts + 1, error = ? WHERE id = ?",
            (state, error, delivery),
        )

    def drop(self, delivery: str) -> None:
        """It is not for this asker, now or any more."""
        self._run("DELETE FROM freshline_deliveries WHERE id = ?", (delivery,))

    def fail(self, due: Due, error: str, again_ms: int) -> None:
        """It was tried; try it again then."""
        self._run(
            "UPDATE freshline_deliveries SET attempts = attempts + 1, error = ?, due_ms = ? WHERE id = ?",
            (error, again_ms, due.id),
        )

    def postpone(self, delivery: str, until_ms: int) -> None:
        """Look again then; it was not tried."""
        self._run("UPDATE freshline_deliveries SET due_ms = ? WHERE id = ?", (until_ms, delivery))

    def postpone_all(self, webhook: str, until_ms: int) -> None:
        """Nothing of a webhook before then."""
        self._run(
            "UPDATE freshline_deliveries SET due_ms = ? WHERE webhook = ? AND state = 'due' AND due_ms < ?",
            (until_ms, webhook, until_ms),
        )

    def tried(self, webhook: str, state: DeliveryState | None, limit: int) -> list[Delivery]:
        """Deliveries that left at least once, newest first. Others might tell of records that their owner is denied."""
        which, values = ("AND state = ?", (state,)) if state else ("", ())
        found = self._run(
            f"""SELECT id, state, attempts, made_ms, due_ms, error FROM freshline_deliveries
                WHERE webhook = ? AND attempts > 0 AND error <> ? {which} ORDER BY made_ms DESC, id LIMIT ?""",
            (webhook, UNTOLD, *values, limit),
        )
        names = ("id", "state", "attempts", "made_ms", "due_ms", "error")
        return [Delivery.model_validate(dict(zip(names, row, strict=True))) for row in found]

    def redeliver(self, webhook: str, now_ms: int) -> int:
        """Make every dead delivery of a webhook due again, with all its tries; how many its owner was told of."""
        again = self._run(
            """UPDATE freshline_deliveries SET state = 'due', attempts = 0, made_ms = ?, due_ms = ?
               WHERE webhook = ? AND state = 'dead' RETURNING error""",
            (now_ms, now_ms, webhook),
        )
        return sum(error != UNTOLD for (error,) in again)

    def forget(self, done_before_ms: int, dead_before_ms: int) -> None:
        """Remove what was settled long ago."""
        self._run(
            """DELETE FROM freshline_deliveries
               WHERE (state = 'done' AND made_ms < ?) OR (state = 'dead' AND made_ms < ?)""",
            (done_before_ms, dead_before_ms),
        )


def _read(kind: type[M], name: str, body: str) -> M | None:
    """None for what another release kept in a way that this one does not know."""
    try:
        return kind.model_validate_json(body)
    except ValidationError:
        log.error("what is kept of webhooks under %s is no %s", name, kind.__name__)
        return None
