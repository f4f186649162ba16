"""A webhook of alice's, from update to attempt, without a network."""

from pathlib import Path
from typing import Any

from update_stage import PRINTERS, changed, label_of

from query.asker import Asker, Link, Mandate
from query.capabilities.revoked import Revocations
from query.principal import Principal
from query.webhooks.attempt import Attempts, Ready
from query.webhooks.database import SqliteDatabase
from query.webhooks.intake import Noting, Told
from query.webhooks.signing import Secrets
from query.webhooks.store import Kept, WebhookStore
from schemas.update import Standing
from schemas.webhook import Webhook

ALICE = label_of("alice@acme.example")
LEASE_MS = 60_000


class Stage:
    def __init__(self, company: Any, alice: Principal, file: Path) -> None:
        self.company, self.alice = company, alice
        self.database = SqliteDatabase(file)
        self.store, self.secrets = WebhookStore(self.database), Secrets(b"k" * 32)
        self.revocations = Revocations(lambda: company.now.wall_ms)
        self.revocations.caught_up(company.now.steady)
        self.changed()

    def changed(self, **parts: Any) -> None:
        """The parts, but for some of them."""
        self.attempts = Attempts(self.company.parts(**parts), self.revocations, self.store, self.secrets)
        self.noting = Noting(self.company.parts(**parts), self.store, self.attempts, self.secrets)

    def hook(self, name: str = "a" * 32, standing: Standing = PRINTERS, **mandate: Any) -> Webhook:
        now_ms = self.company.now.wall_ms
        kept = Mandate(chain=(Link("agent", "r1"),), expires_ms=now_ms + 3_600_000, **mandate)
        webhook = Webhook(
            id=name, url="https://example.com/", question=standing, made_ms=now_ms, expires_ms=now_ms + 3_600_000
        )
        self.store.add(Kept.of(webhook, Asker(self.alice, kept), "10.0.0.1"), most=20)
        return webhook

    def tell(self, *updates: Any) -> int:
        return self.noting.note([Told(update, self.company.now.wall_ms) for update in updates])

    def printer(self, number: int = 1, text: str = "printer fire") -> Any:
        return changed(self.company, f"helpdesk/rows/{number}", text, ALICE)

    def ready(self) -> list[Ready]:
        due = self.store.take(self.company.now.wall_ms, LEASE_MS, 50, [])
        return [ready for ready in map(self.attempts.prepare, due) if ready is not None]

    def records(self) -> int:
        return len(self.company.decisions.find(limit=100))
