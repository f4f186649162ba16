"""Runs the API: real parts from the settings, until SIGTERM or SIGINT."""

import logging
import signal
import threading
import time
from functools import partial
from pathlib import Path

import uvicorn

from connectors.load import load
from query.api import Deps, create_app
from query.clock import system_clock
from query.follow import Follower
from query.live_index import LiveIndex, index_of
from query.principal import Principal
from query.search import Parts
from query.tokens import load_public_keys, verify
from query.view import PermissionView
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
    view = PermissionView()
    index, stopping = LiveIndex(index_of(settings)), threading.Event()
    app = create_app(compose(settings, view, index))
    ahead = threading.Thread(target=index.look_ahead, args=[stopping], name="look-ahead", daemon=True)
    follower = Follower(settings.kafka, view)
    for sign in (signal.SIGTERM, signal.SIGINT):
        # uvicorn stops by itself, then raises the signal again for whoever had it before: let that be nobody.
        signal.signal(sign, lambda *_: None)
    follower.start()
    ahead.start()
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


def compose(settings: Settings, view: PermissionView, index: LiveIndex) -> Deps:
    """The real parts. Raises Misconfigured, also for an index whose model is not to be had here."""
    contracts = {contract.source: contract for contract in load(settings.sources)}
    keys = settings.home / "keys"
    load_public_keys(keys)
    try:
        index.open()
    except IndexUnavailable as error:
        log.warning("%s Questions are refused until it is back.", error)
    parts = Parts(index.now, view, contracts, settings.permission_lag_limit, system_clock)
    return Deps(parts, partial(verify_now, keys, settings.audience), settings.request_timeout)


def verify_now(keys: Path, audience: str, token: str) -> Principal:
    """Check a token against the keys that are in the folder now, so that a removed key counts no more."""
    return verify(token, load_public_keys(keys), audience, time.time())
