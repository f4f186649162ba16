import json
import time
from collections.abc import Callable

import httpx
import pytest

from connectors.connect_api import ConnectApi, ConnectorStatus, trace_summary
from schemas.errors import Misconfigured, Unavailable

CLASS = "io.debezium.connector.postgresql.PostgresConnector"


def api(answer: Callable[[httpx.Request], httpx.Response]) -> ConnectApi:
    return ConnectApi("http://connect", transport=httpx.MockTransport(answer))


def always(status: int, body: object = None) -> ConnectApi:
    return api(lambda request: httpx.Response(status, json=body))


def test_validation_keeps_only_what_is_wrong() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("PUT", f"/connector-plugins/{CLASS}/config/validate")
        assert json.loads(request.content) == {"connector.class": CLASS}
        right = {"value": {"name": "slot.name", "value": "x", "errors": []}}
        wrong = {"value": {"name": "database.port", "value": "s3cret", "errors": ["An integer is expected"]}}
        return httpx.Response(200, json={"error_count": 1, "configs": [right, wrong]})

    assert api(answer).validate({"connector.class": CLASS}) == {"database.port": ["An integer is expected"]}


def test_a_missing_plugin_is_told_as_such() -> None:
    with pytest.raises(Misconfigured, match="install the plugin"):
        always(404).validate({"connector.class": CLASS})


def test_status_holds_the_states_and_one_line_of_each_failure() -> None:
    trace = "org.apache.kafka.ConnectException: Oh\n\tat a.b(C.java:1)\nCaused by: java.io.Eof: no bytes\n"
    body = {
        "name": "shop",
        "connector": {"state": "RUNNING", "worker_id": "w"},
        "tasks": [{"id": 0, "state": "FAILED", "worker_id": "w", "trace": trace}],
    }
    status = always(200, body).status("shop")
    assert status == ConnectorStatus("RUNNING", ("FAILED",), ("ConnectException: Oh (Eof: no bytes)",))
    assert status.failed
    assert not status.running


def test_a_connector_runs_only_when_its_tasks_do() -> None:
    assert ConnectorStatus("RUNNING", ("RUNNING",)).running
    assert not ConnectorStatus("RUNNING").running
    assert not ConnectorStatus("RUNNING", ("UNASSIGNED",)).running


def test_what_does_not_exist_is_none() -> None:
    assert always(404).status("shop") is None
    assert always(404).config("shop") is None
    assert always(404).offsets("shop") == []
    always(404).delete("shop")


def test_a_refused_configuration_is_misconfigured_with_connects_words() -> None:
    with pytest.raises(Misconfigured, match="2 errors"):
        always(400, {"error_code": 400, "message": "2 errors"}).put("shop", {})


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failing_worker_is_unavailable(status: int) -> None:
    with pytest.raises(Unavailable, match="Kafka Connect is not available"):
        always(status).names()


def test_a_worker_that_is_away_is_unavailable() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(Unavailable, match="refused") as caught:
        api(refuse).names()
    assert caught.value.part == "Kafka Connect"


def test_an_answer_that_is_not_json_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="not JSON"):
        api(lambda request: httpx.Response(200, text="<html>")).names()


def test_a_rebalance_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    answers = iter([httpx.Response(409), httpx.Response(409), httpx.Response(200, json=["shop"])])
    assert api(lambda request: next(answers)).names() == ["shop"]


@pytest.mark.parametrize(
    ("trace", "summary"),
    [
        ("", "no reason given"),
        ("a.b.C: text\n\tat x", "C: text"),
        ("a.b.C: text\nCaused by: d.E: text of e\n\tat y\nCaused by: f.G: root", "C: text (G: root)"),
        ("a.b.C: f.G: root\nCaused by: f.G: root", "C: f.G: root"),
        ("just words", "just words"),
        ("a.B: " + "x" * 1000 + " do this", "B: " + "x" * 197 + " … " + "x" * 192 + " do this"),
    ],
)
def test_a_trace_becomes_one_line(trace: str, summary: str) -> None:
    assert trace_summary(trace) == summary
