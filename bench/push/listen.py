"""Both ends of push for a measurement: one that reads a stream, one that takes webhooks."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import orjson

RETRY_S = 0.2


@dataclass
class Arrived:
    """What arrived, with the moment (seconds since 1970) it did. `status`: what a webhook is answered."""

    pushed: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    said: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    last_id: str = ""
    status: int = 204
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)

    def note(self, data: dict[str, Any]) -> None:
        self.pushed.append((time.time(), data))

    def at(self, text: str) -> float | None:
        """When a text arrived first; None if it did not."""
        return next((at for at, data in list(self.pushed) if data["hit"]["text"] == text), None)

    def texts(self) -> list[str]:
        return [data["hit"]["text"] for _, data in list(self.pushed)]


@contextmanager
def streaming(url: str, token: str, asked: dict[str, Any], last_id: str = "") -> Iterator[Arrived]:
    """Meanwhile a stream of updates is read; it has begun by then. It ends with the `with`, or when the server does."""
    arrived = Arrived(last_id=last_id)
    headers = {"Authorization": f"Bearer {token}"} | ({"Last-Event-ID": last_id} if last_id else {})
    ending = threading.Event()

    def read() -> None:
        try:
            while _is_not_ready(arrived, url, asked, headers, ending):
                time.sleep(RETRY_S)
        except httpx.HTTPError as error:
            arrived.said.append(("broken", {"code": type(error).__name__}))
        finally:
            arrived.begun.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    arrived.begun.wait(20)
    try:
        yield arrived
    finally:
        ending.set()


@contextmanager
def receiving(port: int = 0) -> Iterator[tuple[str, Arrived]]:
    """Meanwhile an endpoint on loopback takes webhooks; its URL."""
    arrived = Arrived()

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            arrived.headers.append({name.lower(): value for name, value in self.headers.items()})
            arrived.bodies.append(body)
            if arrived.status < 300:
                arrived.note(orjson.loads(body)["data"])
            self.send_response(arrived.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", port), Endpoint)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", arrived
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _is_not_ready(
    arrived: Arrived, url: str, asked: dict[str, Any], headers: dict[str, str], ending: threading.Event
) -> bool:
    """Read until the stream ends. True, having read nothing, where the server says that it is not ready yet (503)."""
    with httpx.stream("GET", f"{url}/v1/updates", params=asked, headers=headers, timeout=30, trust_env=False) as reply:
        if reply.status_code == httpx.codes.SERVICE_UNAVAILABLE and not ending.is_set():
            return True
        reply.raise_for_status()
        for event in _events(reply.iter_lines()):
            _take(arrived, event)
            if ending.is_set():
                break
    return False


def _events(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    event: dict[str, str] = {}
    for line in lines:
        if not line and event:
            yield event
            event = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


def _take(arrived: Arrived, event: dict[str, str]) -> None:
    if "event" not in event:
        return
    data = orjson.loads(event["data"])
    arrived.last_id = event.get("id", arrived.last_id)
    if event["event"] == "hit":
        arrived.note(data)
    else:
        arrived.said.append((event["event"], data))
    arrived.begun.set()
