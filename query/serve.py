"""Runs the API: real parts from the settings, until SIGTERM or SIGINT."""

import logging
import signal
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import uvicorn

from connectors.load import load
from index.embedder import ModelSpec
from index.milvus import MilvusStore
from index.models.load import load_embedder
from index.store import Found, Held, Vector, Version
from query.api import Deps, create_app
from query.clock import system_clock
from query.follow import Follower
from query.principal import Principal
from query.search import Parts
from query.tokens import load_public_keys, verify
from query.view import PermissionView
from schemas.access import AccessFilter
from schemas.errors import IndexUnavailable, Misconfigured
from schemas.settings import Settings, read_secret

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
    app = create_app(compose(settings, view))
    follower = Follower(settings.kafka, view)
    for sign in (signal.SIGTERM, signal.SIGINT):
        # uvicorn stops by itself, then raises the signal again for whoever had it before: let that be nobody.
        signal.signal(sign, lambda *_: None)
    follower.start()
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
        follower.stop()


def compose(settings: Settings, view: PermissionView) -> Deps:
    """The real parts. Raises Misconfigured, also for an index that another model has made."""
    contracts = {contract.source: contract for contract in load(settings.sources)}
    keys = settings.home / "keys"
    load_public_keys(keys)
    embedder = load_embedder(settings.model, settings.home, settings.cores)
    store = OpeningStore(
        MilvusStore(settings.milvus_uri, read_secret(settings.milvus_token_file), settings.collection),
        embedder.spec,
    )
    try:
        store.open()
    except IndexUnavailable as error:
        log.warning("%s Questions are refused until it is back.", error)
    parts = Parts(embedder, store, view, contracts, settings.permission_lag_limit, system_clock)
    return Deps(parts, partial(verify_now, keys, settings.audience), settings.request_timeout)


def verify_now(keys: Path, audience: str, token: str) -> Principal:
    """Check a token against the keys that are in the folder now, so that a removed key counts no more."""
    return verify(token, load_public_keys(keys), audience, time.time())


class OpeningStore:
    """A MilvusStore that is opened before its first use, however late Milvus comes."""

    def __init__(self, store: MilvusStore, spec: ModelSpec) -> None:
        self._store = store
        self._spec = spec
        self._lock = threading.Lock()
        self._opened = False

    def open(self) -> None:
        """Raises Misconfigured if another model made the collection, IndexUnavailable if Milvus is away."""
        with self._lock:
            if not self._opened:
                self._store.open(self._spec)
                self._opened = True

    def _ready(self) -> MilvusStore:
        try:
            self.open()
        except Misconfigured as error:
            log.error("%s", error)
            raise IndexUnavailable("the index is not usable with this model; the server's log says more") from error
        return self._store

    def held(self, record_ids: Sequence[str]) -> dict[str, Held]:
        return self._ready().held(record_ids)

    def write(self, versions: Sequence[Version]) -> None:
        self._ready().write(versions)

    def search(self, vector: Vector, access: AccessFilter, limit: int) -> list[Found]:
        return self._ready().search(vector, access, limit)

    def count(self, source: str) -> int:
        return self._ready().count(source)
