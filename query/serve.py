"""Runs the API: real parts from the settings, until SIGTERM or SIGINT."""

import logging
import os
import signal
import threading

import uvicorn

from query.api import Deps, create_app
from query.authorize import Grounds
from query.budget import Budgets
from query.capabilities.identity import Identity
from query.capabilities.oidc import provider_of
from query.capabilities.revoked import Revocations
from query.clock import system_clock
from query.decisions.recorder import Recorder
from query.decisions.service import DecisionLog
from query.follow import Follower
from query.grounds import grounds_of
from query.leave import Guards
from query.live_index import LiveIndex, index_of
from query.redact import Redactor
from query.search import Parts
from query.source.open import sources_of
from query.tokens import load_public_keys
from schemas.errors import IndexUnavailable
from schemas.settings import Settings

log = logging.getLogger("freshline.query")
GRACE_S = 5


def serve(settings: Settings) -> None:
    """Answer until told to stop. Blocking; for the main thread.

    Kafka and Milvus may be away, at start or later: questions are refused meanwhile, and answered again when
    they are back. Raises Misconfigured for contracts, keys, secrets or a model that cannot be used.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    grounds, revocations, decisions = grounds_of(settings), Revocations(), DecisionLog(settings)
    index, stopping = LiveIndex(index_of(settings)), threading.Event()
    deps = compose(settings, grounds, revocations, index, decisions.recorder)
    app = create_app(deps)
    ahead = threading.Thread(target=index.look_ahead, args=[stopping], name="look-ahead", daemon=True)
    policies = threading.Thread(target=grounds.policies.watch, args=[stopping], name="policies", daemon=True)
    follower = Follower(settings.kafka, grounds.view, revocations)
    for sign in (signal.SIGTERM, signal.SIGINT):
        # uvicorn stops by itself, then raises the signal again for whoever had it before: let that be nobody.
        signal.signal(sign, lambda *_: None)
    follower.start()
    ahead.start()
    policies.start()
    decisions.start()
    try:
        config = uvicorn.Config(
            app,
            host=settings.api_host,
            port=settings.api_port,
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        uvicorn.Server(config).run()
    finally:
        stopping.set()
        follower.stop()
        decisions.stop()
        deps.parts.guards.sources.close()


def compose(
    settings: Settings, grounds: Grounds, revocations: Revocations, index: LiveIndex, recorder: Recorder
) -> Deps:
    """The real parts. Raises Misconfigured, also for an index whose model is not to be had here, and for a source that
    is to confirm what is shown and would not."""
    contracts, keys = grounds.contracts, settings.home / "keys"
    guards = Guards(sources_of(contracts.values(), settings, os.environ), Redactor(contracts.values()))
    guards.sources.examine()
    load_public_keys(keys)
    try:
        index.open()
    except IndexUnavailable as error:
        log.warning("%s Questions are refused until it is back.", error)
    parts = Parts(index.now, grounds, guards, recorder, Budgets(recorder.rows_shown), system_clock)
    identity = Identity(
        keys=keys,
        audience=settings.audience,
        sources=frozenset(contracts),
        revocations=revocations,
        lag_limit_s=settings.permission_lag_limit,
        clock=system_clock,
        provider=provider_of(settings),
    )
    return Deps(parts, identity, settings.request_timeout)
