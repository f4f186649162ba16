"""Who may call the Milvus Lite server, and beside whom; with gRPC's own handler objects, without a socket."""

import base64
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from pymilvus.grpc_gen import milvus_pb2_grpc

from infra.local.milvus_guard import READERS, LockGate, TokenGate
from infra.local.milvus_lock import PhaseFairLock

TOKEN = "a-long-random-token"


class Aborted(Exception):
    pass


class Context:
    def __init__(self, active: bool = True) -> None:
        self._active = active

    def is_active(self) -> bool:
        return self._active

    def abort(self, code: Any, words: str) -> None:
        raise Aborted(code)


def call(method: str = "Search", metadata: Sequence[tuple[str, str | bytes]] = ()) -> Any:
    return SimpleNamespace(method=f"/milvus.proto.milvus.MilvusService/{method}", invocation_metadata=metadata)


def answer_to(gate: TokenGate, metadata: Sequence[tuple[str, str | bytes]]) -> Any:
    served = grpc.unary_unary_rpc_method_handler(lambda _request, _context: "served")
    handler = gate.intercept_service(lambda _call: served, call(metadata=metadata))
    try:
        return handler.unary_unary(b"", Context())
    except Aborted as aborted:
        return aborted.args[0]


def encoded(token: str) -> str:
    return base64.b64encode(token.encode()).decode()


@pytest.mark.parametrize("value", [encoded(TOKEN), encoded(TOKEN).encode()])
def test_the_right_token_is_served(value: str | bytes) -> None:
    assert answer_to(TokenGate(TOKEN), [("user-agent", "x"), ("authorization", value)]) == "served"


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        [("authorization", "")],
        [("authorization", TOKEN)],
        [("authorization", encoded(TOKEN + "x"))],
        [("authorization", encoded(TOKEN)[:-1])],
        [("authorization", "é")],
        [("token", encoded(TOKEN))],
        [("authorization", encoded(TOKEN)), ("authorization", encoded("other"))],
    ],
    ids=["none", "empty", "not base64", "longer", "shorter", "not ascii", "other key", "two"],
)
def test_any_other_token_is_unauthenticated(metadata: list[tuple[str, str]]) -> None:
    assert answer_to(TokenGate(TOKEN), metadata) == grpc.StatusCode.UNAUTHENTICATED


class SpyLock(PhaseFairLock):
    """Reports from inside a call who else could enter."""

    def held_as(self) -> str:
        return "alone" if self._writer_inside else f"with {self._readers_inside - 1} readers"


def run(method: str, context: Context | None = None) -> tuple[Any, list[str]]:
    lock, seen = SpyLock(), []
    served = grpc.unary_unary_rpc_method_handler(lambda _request, _context: seen.append(lock.held_as()))
    handler = LockGate(lock).intercept_service(lambda _call: served, call(method))
    try:
        handler.unary_unary(None, context or Context())
    except Aborted as aborted:
        return aborted.args[0], seen
    assert lock.waiting() == (0, 0)
    return None, seen


@pytest.mark.parametrize("method", ["Search", "Query", "HybridSearch", "DescribeCollection", "Connect"])
def test_reads_share(method: str) -> None:
    assert run(method) == (None, ["with 0 readers"])


@pytest.mark.parametrize("method", ["Insert", "Upsert", "Delete", "Flush", "DropCollection", "NobodyKnowsThis"])
def test_writes_and_unknown_calls_are_alone(method: str) -> None:
    assert run(method) == (None, ["alone"])


@pytest.mark.parametrize("method", ["Search", "Upsert"])
def test_a_call_whose_caller_has_gone_is_not_run(method: str) -> None:
    assert run(method, Context(active=False)) == (grpc.StatusCode.CANCELLED, [])


def test_a_streaming_call_is_refused() -> None:
    stream = grpc.unary_stream_rpc_method_handler(lambda _request, _context: iter(()))
    handler = LockGate(PhaseFairLock()).intercept_service(lambda _call: stream, call("DumpMessages"))
    with pytest.raises(Aborted, match="UNIMPLEMENTED"):
        handler.unary_unary(b"", Context())


def test_a_method_the_engine_does_not_have_is_unimplemented_and_no_error_of_the_server() -> None:
    def missing(_request: Any, _context: Any) -> None:
        raise NotImplementedError("Method not implemented!")

    served = grpc.unary_unary_rpc_method_handler(missing)
    handler = LockGate(PhaseFairLock()).intercept_service(lambda _call: served, call("CreateRole"))
    with pytest.raises(Aborted, match="UNIMPLEMENTED"):
        handler.unary_unary(None, Context())


def test_a_method_the_server_does_not_have_stays_unknown() -> None:
    assert LockGate(PhaseFairLock()).intercept_service(lambda _call: None, call("Nope")) is None


def test_every_reader_is_a_call_milvus_has() -> None:
    service = vars(milvus_pb2_grpc.MilvusServiceServicer)
    assert {name for name in READERS if name not in service} == set()
