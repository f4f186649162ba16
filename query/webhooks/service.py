"""Webhooks as the API runs them."""

from query.capabilities.revoked import Revocations
from query.search import Parts
from query.webhooks.addresses import Reach
from query.webhooks.attempt import Attempts
from query.webhooks.database import open_database
from query.webhooks.dispatch import Dispatcher
from query.webhooks.intake import Intake, Noting
from query.webhooks.routes import Hooks
from query.webhooks.sending import Sender
from query.webhooks.signing import FILE, Secrets, load_or_make_key
from query.webhooks.store import WebhookStore
from schemas.settings import Settings


class Webhooks:
    """`hooks` is for the routes; `start` and `stop` are for what goes on beside them. Raises Misconfigured, and
    Unavailable for a file out of reach."""

    def __init__(self, settings: Settings, parts: Parts, revocations: Revocations) -> None:
        secrets = Secrets(load_or_make_key(settings.home / FILE))
        store, reach = WebhookStore(open_database(settings)), Reach.of(settings.webhook_allow)
        attempts = Attempts(parts, revocations, store, secrets)
        self.hooks = Hooks(parts, store, secrets, reach)
        noting = Noting(parts, store, attempts, secrets)
        self._intake = Intake(settings.kafka, f"{settings.group}-webhooks", noting)
        self._dispatcher = Dispatcher(store, attempts, Sender(reach), parts.clock)

    def start(self) -> None:
        self._intake.start()
        self._dispatcher.start()

    def stop(self) -> None:
        """What is under way ends; what is not delivered is tried again after the next start."""
        self._intake.stop()
        self._dispatcher.stop()
