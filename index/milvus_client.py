"""A connection to Milvus that comes back by itself, and says in our own errors what went wrong."""

import logging
from collections.abc import Callable, Sequence
from threading import Lock
from typing import TypeVar

import grpc
from pymilvus import MilvusClient
from pymilvus.exceptions import DataNotMatchException, MilvusException

from schemas.errors import IndexUnavailable, Rejected

T = TypeVar("T")

CONTENT_CODES = frozenset({6, 1100, 1804})
"""Invalid data or parameter, in Milvus Lite and in Milvus. Any other failure may pass, so it is waited out."""
OWN_CHANNELS = {"grpc.use_local_subchannel_pool": 1}
"""Without it a client shares the back-off of others and finds a returned server seconds later."""

_log = logging.getLogger("pymilvus")
_log.propagate = False
_log.handlers = [logging.NullHandler()]  # it logs with a traceback each failure that it also raises


class MilvusConnection:
    """Thread-safe. Connects on first use; a call while the server is away fails at once."""

    def __init__(self, uri: str, token: str, timeout: float) -> None:
        self._make: Callable[[], MilvusClient] = lambda: MilvusClient(
            uri=uri, token=token, timeout=timeout, dedicated=True, grpc_options=OWN_CHANNELS
        )
        self._client: MilvusClient | None = None
        self._lock = Lock()

    def call(self, do: Callable[[MilvusClient], T]) -> T:
        """Do it. Raises IndexUnavailable for every failure."""
        try:
            return do(self._connected())
        except (MilvusException, grpc.RpcError) as error:
            raise IndexUnavailable() from error

    def write(self, do: Callable[[MilvusClient], T]) -> T:
        """As `call`, but raises Rejected(index_refused) where the server does not take the content."""
        try:
            return do(self._connected())
        except MilvusException as error:
            if error.code in CONTENT_CODES or isinstance(error, DataNotMatchException):
                raise Rejected("index_refused", f"Milvus refused it: {error.message}") from error
            raise IndexUnavailable() from error
        except grpc.RpcError as error:
            raise IndexUnavailable() from error

    def _connected(self) -> MilvusClient:
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client


_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def one_of(field: str, names: Sequence[str]) -> str:
    """`field in ["…", "…"]`, each name quoted for Milvus's filter language."""
    quoted = ", ".join(f'"{name.translate(_ESCAPES)}"' for name in names)
    return f"{field} in [{quoted}]"


def before(field: str, name: str) -> str:
    """`field < "…"`: text that sorts before a name."""
    return f'{field} < "{name.translate(_ESCAPES)}"'
