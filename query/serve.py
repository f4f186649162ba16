"""Runs the API: real parts from the settings, until SIGTERM or SIGINT."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from types import FrameType

import uvicorn
from fastapi import FastAPI

from query.api import Deps, create_app
from query.authorize import Grounds
from query.budget import Budgets
from query.capabilities.identity import Identity
from query.capabilities.oidc import provider_of
from query.capabilities.revoked import Revocations
from query.clock import system_clock
from query.context.tokenizer import file_tokenizer
from query.decisions.recorder import Recorder
from query.decisions.service import DecisionLog
from query.follow import Follower
from query.freshness.counts import Latest, reading_of
from query.freshness.routes import Counting
from query.gateway.cursor import Cursors
from query.gateway.manners import Manners
from query.gateway.paging import SearchPages
from query.grounds import grounds_of
from query.leave import Guards
from query.live_index import LiveIndex, index_of
from query.ranking.rerank import reranker_of
from query.redact import Redactor
from query.search import Parts
from query.source.open import sources_of
from query.tokens import load_public_keys
from query.updates.service import Updates
from query.webhooks.service import Webhooks
from schemas.errors import IndexUnavailable
from schemas.garbage import spare_garbage
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
    updates, webhooks = Updates(settings, deps.parts), Webhooks(settings, deps.parts, revocations)
    app = create_app(replace(deps, push=updates.push, hooks=webhooks.hooks))
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
    updates.start()
    webhooks.start()
    spare_garbage()
    try:
        _Server(server_config(app, settings), updates.end_streams).run()
    finally:
        updates.stop()
        webhooks.stop()
        stopping.set()
        follower.stop()
        decisions.stop()
        deps.parts.guards.sources.close()


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How the API is served."""
    return uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
    )


class _Server(uvicorn.Server):
    """Tells what would hold it up before it waits for it: streams never end by themselves."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._ending()
        super().handle_exit(sig, frame)


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
    budgets = Budgets(recorder.rows_shown)
    pages = SearchPages(Cursors(recorder.secret("cursors")))
    reranker, counter = reranker_of(settings), file_tokenizer(settings.tokenizer)
    parts = Parts(
        index.now,
        grounds,
        guards,
        recorder,
        budgets,
        system_clock,
        reranker,
        pages,
        counter,
        settings.request_timeout / 2,
        index.ahead,
    )
    identity = Identity(
        keys=keys,
        audience=settings.audience,
        sources=frozenset(contracts),
        revocations=revocations,
        lag_limit_s=settings.permission_lag_limit,
        clock=system_clock,
        provider=provider_of(settings),
    )
    latest = Latest(reading_of(settings, list(contracts.values()), lambda source: index.now().store.count(source)))
    counting = Counting(latest, settings.operators())
    return Deps(parts, identity, settings.request_timeout, Manners.of(settings), counting)
