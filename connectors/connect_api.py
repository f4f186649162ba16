"""Kafka Connect's REST interface: what runs, how it does, and whether a configuration would work."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import httpx

from schemas.errors import FreshlineError, Misconfigured, Unavailable

REBALANCE_PATIENCE_SECONDS = 15.0
"""Connect answers 409 while its workers rebalance; calls wait this long for the end of it."""

LONGEST_SUMMARY = 400


class ConnectorFailed(FreshlineError):
    """A connector does not run; its error says why."""

    code = "connector_failed"


@dataclass(frozen=True)
class ConnectorStatus:
    """States as Connect names them: RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED, RESTARTING.

    `errors` holds one line of each failed part: what happened and its root cause.
    """

    state: str
    tasks: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        return bool(self.tasks) and {self.state, *self.tasks} == {"RUNNING"}

    @property
    def failed(self) -> bool:
        return "FAILED" in (self.state, *self.tasks)

    @property
    def worst(self) -> str:
        """The state of the connector or of one of its tasks, whichever is worst: a connector can run without them."""
        states = {self.state, *self.tasks} - {"RUNNING"}
        worst = next((state for state in ("FAILED", self.state) if state in states), min(states, default="RUNNING"))
        return "NO TASK" if worst == "RUNNING" and not self.tasks else worst


class ConnectApi:
    """A context manager, thread-safe. Every method may raise Unavailable("Kafka Connect").

    `timeout`, in seconds, bounds each request.
    """

    def __init__(self, url: str, timeout: float = 10.0, transport: httpx.BaseTransport | None = None) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def validate(self, options: Mapping[str, str]) -> dict[str, list[str]]:
        """Option -> what the connector itself finds wrong with it. Options without mistakes are left out.

        References (`${env:…}`) are resolved in the worker; what they resolve to never comes back from here.
        Raises Misconfigured where the worker does not have the connector's class at all.
        """
        path = f"/connector-plugins/{quote(options['connector.class'], safe='')}/config/validate"
        found = self._call("PUT", path, dict(options))
        if found is None:
            raise Misconfigured(f"Kafka Connect has no {options['connector.class']}: install the plugin there")
        values = (config["value"] for config in found["configs"])
        return {value["name"]: list(value["errors"]) for value in values if value["errors"]}

    def names(self) -> list[str]:
        """The connectors there are."""
        return sorted(self._call("GET", "/connectors") or [])

    def config(self, name: str) -> dict[str, str] | None:
        """A connector's configuration, references unresolved; None where there is no such connector."""
        found: dict[str, str] | None = self._call("GET", f"/connectors/{quote(name)}/config")
        return found

    def status(self, name: str) -> ConnectorStatus | None:
        """How a connector does; None where there is none, or none yet."""
        found = self._call("GET", f"/connectors/{quote(name)}/status")
        if found is None:
            return None
        parts = [found["connector"], *found["tasks"]]
        errors = tuple(trace_summary(part["trace"]) for part in parts if part.get("trace"))
        return ConnectorStatus(found["connector"]["state"], tuple(t["state"] for t in found["tasks"]), errors)

    def offsets(self, name: str) -> list[dict[str, Any]]:
        """Where in the source's log a connector has got to; empty before it wrote that down."""
        found = self._call("GET", f"/connectors/{quote(name)}/offsets") or {}
        return [entry["offset"] for entry in found.get("offsets", ()) if entry.get("offset")]

    def put(self, name: str, options: Mapping[str, str]) -> None:
        """Create a connector or change its configuration. Idempotent. Raises Misconfigured when refused."""
        self._call("PUT", f"/connectors/{quote(name)}/config", dict(options))

    def delete(self, name: str) -> None:
        """Remove a connector, if there is one. Its topics and its place in the source's log stay."""
        self._call("DELETE", f"/connectors/{quote(name)}")

    def stop(self, name: str) -> None:
        """Stop a connector and end its tasks; `resume` starts it where it was."""
        self._call("PUT", f"/connectors/{quote(name)}/stop")

    def forget_offsets(self, name: str) -> None:
        """Forget a STOPPED connector's place in the source's log: it then begins with a new snapshot.

        Needed where its replication slot is gone. Raises Misconfigured while it is not STOPPED.
        """
        self._call("DELETE", f"/connectors/{quote(name)}/offsets")

    def restart_failed(self, name: str) -> None:
        """Restart the connector and those of its tasks that failed."""
        self._call("POST", f"/connectors/{quote(name)}/restart?includeTasks=true&onlyFailed=true")

    def pause(self, name: str) -> None:
        """Stop capturing for a while; the source keeps its log meanwhile."""
        self._call("PUT", f"/connectors/{quote(name)}/pause")

    def resume(self, name: str) -> None:
        """Go on after `pause`."""
        self._call("PUT", f"/connectors/{quote(name)}/resume")

    def _call(self, method: str, path: str, body: object = None) -> Any:
        """The decoded answer; None for 404 and for an empty one."""
        deadline = time.monotonic() + REBALANCE_PATIENCE_SECONDS
        while True:
            try:
                answer = self._http.request(method, path, json=body)
            except httpx.HTTPError as error:
                raise Unavailable("Kafka Connect", str(error) or type(error).__name__) from None
            if answer.status_code != 409 or time.monotonic() > deadline:
                return _decoded(answer)
            time.sleep(0.25)


def _decoded(answer: httpx.Response) -> Any:
    if answer.status_code == 404:
        return None
    if answer.status_code in (400, 422):
        raise Misconfigured(f"Kafka Connect refuses: {_message(answer)}")
    if answer.is_error:
        raise Unavailable("Kafka Connect", _message(answer))
    try:
        return answer.json() if answer.content else None
    except ValueError:
        raise Unavailable("Kafka Connect", "its answer is not JSON; is this its address?") from None


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"


def trace_summary(trace: str) -> str:
    """The first line of a Java stack trace and, where it tells more, its root cause; class names short."""
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    if not lines:
        return "no reason given"
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    first, root = _short(lines[0]), _short(causes[-1]) if causes else ""
    return _cut(first if not root or root in first else f"{first} ({root})")


def _cut(text: str) -> str:
    """What happened stands at the beginning, what to do at the end: a long middle is left out."""
    half = LONGEST_SUMMARY // 2
    return text if len(text) <= LONGEST_SUMMARY else f"{text[:half]} … {text[-half:]}"


def _short(line: str) -> str:
    kind, _, text = line.partition(": ")
    return f"{kind.rsplit('.', 1)[-1]}: {text}" if text else line
