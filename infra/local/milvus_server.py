"""Milvus Lite as a server for several clients on this machine: `python -m infra.local.milvus_server --help`.

What it adds to the engine's own server: writes are alone (concurrent writers lose acknowledged rows there),
collections are repaired and loaded before the port opens, every call needs the token, only loopback is
served.
Prints `ready` once the port is open. SIGTERM or SIGINT: finishes running calls, flushes, exits with 0.
Exit codes: 1 cannot start (the reason is on stderr), 70 stopped because the disk refused a write.
"""

import argparse
import ipaddress
import logging
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc

from infra.local.milvus_guard import LockGate, TokenGate
from infra.local.milvus_lock import PhaseFairLock
from schemas.garbage import spare_garbage

MEGABYTE = 1024 * 1024
CALLS_AT_ONCE = 32
STOP_GRACE_S = 5.0
MEMTABLE_HELP = "megabytes kept unindexed in memory before they are flushed; more makes searches slow"
GRPC_OPTIONS = [
    ("grpc.so_reuseport", 0),  # else a second server could share the port unnoticed
    ("grpc.max_receive_message_length", 64 * MEGABYTE),  # as a Milvus server
    ("grpc.max_send_message_length", 256 * MEGABYTE),
    # pymilvus pings every 10 s, also when idle; by default gRPC would hang up: "too many pings".
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5000),
    ("grpc.http2.max_ping_strikes", 0),
]

log = logging.getLogger("infra.local.milvus_server")


class CannotStart(Exception):
    """The server refuses to start; the message says why and what to do."""


def main(arguments: list[str] | None = None) -> int:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("faiss").setLevel(logging.WARNING)  # else it reports each CPU feature it lacks
    options = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        serve(options, stop)
    except CannotStart as refusal:
        log.error("%s", refusal)
        return 1
    return 0


def serve(options: argparse.Namespace, stop: threading.Event) -> None:
    """Serve `options.data` until `stop` is set. Raises CannotStart."""
    address = loopback_address(options.host, options.port)
    token = read_token(options.token_file)
    os.environ["MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES"] = str(max(1, int(options.memtable_mb * MEGABYTE)))
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # several searches share the cores, so none takes all of them
    from infra.local.milvus_engine import EngineRefused, open_engine  # after what is set above: read at import

    try:
        engine = open_engine(options.data)
    except EngineRefused as refusal:
        raise CannotStart(str(refusal)) from refusal
    lock = PhaseFairLock()
    try:
        server = _start(engine, lock, token, address)
        spare_garbage()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        log.info("serving %s on %s", options.data, address)
        stop.wait()
        server.stop(STOP_GRACE_S).wait()
    finally:
        with lock.writing():  # a call that outlived the grace period still has the engine to itself
            engine.close()
    log.info("stopped, everything flushed")


def loopback_address(host: str, port: int) -> str:
    """`host:port` for gRPC. Raises CannotStart for an impossible port or a host others could reach."""
    if not 0 < port < 65536:
        raise CannotStart(f"port {port} is not between 1 and 65535")
    if host == "localhost":
        return f"localhost:{port}"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise CannotStart(f"host {host!r} is not an IP address: use 127.0.0.1") from None
    if not address.is_loopback:
        raise CannotStart(
            f"host {host} can be reached from other machines and this server has no TLS: use 127.0.0.1, "
            "or point Freshline at a Milvus server instead"
        )
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


def read_token(file: Path) -> str:
    """The token in `file`, without surrounding whitespace. Raises CannotStart when there is none."""
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as failure:
        raise CannotStart(f"token file {file} cannot be read: create it first") from failure
    if not token:
        raise CannotStart(f"token file {file} is empty: write a long random token into it")
    return token


def _start(engine: Any, lock: PhaseFairLock, token: str, address: str) -> Any:
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from pymilvus.grpc_gen.milvus_pb2_grpc import add_MilvusServiceServicer_to_server

    server = grpc.server(
        ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="call"),
        interceptors=[TokenGate(token), LockGate(lock)],
        options=GRPC_OPTIONS,
    )
    add_MilvusServiceServicer_to_server(MilvusServicer(engine), server)
    try:
        server.add_insecure_port(address)
    except RuntimeError as failure:
        raise CannotStart(f"{address} cannot be opened, probably in use: choose another port") from failure
    server.start()
    return server


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.local.milvus_server",
        description="Milvus Lite as a server for several clients on this machine.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the data, created if missing")
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument("--port", type=int, required=True, help="TCP port to listen on")
    parser.add_argument("--token-file", type=Path, required=True, help="holds the token clients must send")
    parser.add_argument("--memtable-mb", type=float, default=2.0, help=MEMTABLE_HELP)
    return parser


if __name__ == "__main__":
    sys.exit(main())
