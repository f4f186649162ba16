"""The two gates in front of every call to the Milvus Lite server, as gRPC server interceptors.

`TokenGate` refuses a caller without the token before its request is even parsed. `LockGate` lets reads run
beside reads and everything else alone, which Milvus Lite needs to keep what it acknowledged.
"""

import base64
import hmac
from collections.abc import Callable
from typing import Any

import grpc

from infra.local.milvus_lock import PhaseFairLock

Handler = Any  # grpc.RpcMethodHandler: grpcio ships no types
Continue = Callable[[Any], Handler]

READERS = frozenset(
    {
        "CheckHealth",
        "Connect",
        "DescribeAlias",
        "DescribeCollection",
        "DescribeDatabase",
        "DescribeIndex",
        "GetCollectionStatistics",
        "GetCompactionState",
        "GetFlushState",
        "GetLoadState",
        "GetLoadingProgress",
        "GetPartitionStatistics",
        "GetVersion",
        "HasCollection",
        "HasPartition",
        "HybridSearch",
        "ListAliases",
        "ListDatabases",
        "Query",
        "Search",
        "ShowCollections",
        "ShowPartitions",
    }
)
"""Calls known to change nothing. Any other call, known or not, is treated as a write and runs alone."""


class TokenGate:
    """Lets a call through if its `authorization` metadata is the base64 of the token, as pymilvus sends it.

    Others get UNAUTHENTICATED, the same whether the token is missing or wrong.
    """

    def __init__(self, token: str) -> None:
        self._expected = base64.b64encode(token.encode())

    def intercept_service(self, proceed: Continue, call: Any) -> Handler:
        if self._is_authorized(call.invocation_metadata):
            return proceed(call)
        return _refusal(
            grpc.StatusCode.UNAUTHENTICATED,
            "token missing or wrong: pass the content of the server's token file as MilvusClient(token=...)",
        )

    def _is_authorized(self, metadata: Any) -> bool:
        sent = [value for key, value in metadata or () if key == "authorization"]
        if len(sent) != 1:
            return False
        value = sent[0] if isinstance(sent[0], bytes) else sent[0].encode()
        return hmac.compare_digest(value, self._expected)


class LockGate:
    """Runs calls in `READERS` under the shared lock, every other call under the exclusive one.

    A call whose caller has gone (deadline over, cancelled, disconnected) while it waited for its turn is
    dropped. So a write that was retried elsewhere is never applied afterwards, over newer data.
    """

    def __init__(self, lock: PhaseFairLock) -> None:
        self._lock = lock

    def intercept_service(self, proceed: Continue, call: Any) -> Handler:
        handler = proceed(call)
        if handler is None:
            return None
        method = call.method.rpartition("/")[2]
        if handler.unary_unary is None:
            return _refusal(grpc.StatusCode.UNIMPLEMENTED, f"{method}: streaming calls are not served here")
        turn = self._lock.reading if method in READERS else self._lock.writing

        def run(request: Any, context: Any) -> Any:
            with turn():
                if not context.is_active():
                    context.abort(grpc.StatusCode.CANCELLED, f"{method}: not run, its caller has gone")
                try:
                    return handler.unary_unary(request, context)
                except NotImplementedError:  # else gRPC would log it and answer UNKNOWN
                    return context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{method}: Milvus Lite does not have it")

        return grpc.unary_unary_rpc_method_handler(run, handler.request_deserializer, handler.response_serializer)


def _refusal(code: Any, words: str) -> Handler:
    def refuse(_request: bytes, context: Any) -> None:
        context.abort(code, words)

    return grpc.unary_unary_rpc_method_handler(refuse)
