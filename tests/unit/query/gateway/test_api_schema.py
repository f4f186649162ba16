"""schemathesis over the whole API: nothing it thinks of makes a 5xx, or a reply that the document does not tell of.

What streams is left out: /v1/updates never ends by itself; /mcp is another protocol, judged by its own suite.
"""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from query.door import streams
from query.gateway.limits import Rates
from query.gateway.manners import Manners
from schemas.label import Label

BEARER = {"Authorization": "Bearer alice"}
ID = "crm/sales.accounts/42"
"""The document's own example."""
EXAMPLES = 20
REFUSED = ["400", "401", "404", "405", "413", "415", "422"]
"""What a request that the schema does not allow may get: what is too long for its field may be too long a body, too."""
CONFIG = SchemathesisConfig.from_dict(
    {"seed": 1, "checks": {"negative_data_rejection": {"expected-statuses": REFUSED}}}
)
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)
BY_WHAT_THERE_IS = {
    "POST /v1/search": "sources and metadata columns must be known ones, a cursor one that was given",
    "GET /v1/sources": "a cursor must be one that was given",
    "GET /v1/decisions": "a cursor must be one that was given",
    "POST /v1/decisions": "answers must be the asker's own",
    "POST /v1/webhooks": "sources must be known ones, and the URL lead to a public place",
}
"""Operations that refuse what the schema allows, by what cannot be written into a schema, and why."""


@pytest.fixture
def api(served, company, put: Callable[..., None]) -> Any:
    """Its index is in memory, its door, its routes and its limits are real."""
    put("helpdesk/tickets/1", "printer on fire", "and the room, too")
    put(ID, "an account", label=Label(tenant="acme", readers=("user:alice@acme.example",)), source="helpdesk")
    app = served.app(Manners(Rates(agent="100000/second", tenant="100000/second", bad_tokens="100000/second")))
    return schemathesis.openapi.from_asgi("/openapi.json", app, config=CONFIG)


def every(schema: Any) -> list[Any]:
    found = [each.ok() for each in schema.get_all_operations()]
    return [operation for operation in found if not streams(operation.path)]


def violations(operation: Any, mode: Any) -> tuple[set[int], list[str]]:
    """Which statuses came, and what was wrong with any reply."""
    statuses, wrong = set[int](), list[str]()
    excluded = [positive_data_acceptance] if operation.label in BY_WHAT_THERE_IS else []

    @SETTINGS
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        reply = case.call(headers=BEARER)
        statuses.add(reply.status_code)
        try:
            case.validate_response(reply, headers=BEARER, excluded_checks=excluded)
        except AssertionError as error:
            wrong.append(str(error))
        except BaseExceptionGroup as group:
            wrong.extend(str(each) for each in group.exceptions)

    ask()
    return statuses, wrong


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=lambda mode: mode.value)
def test_whatever_is_sent_every_reply_is_as_the_document_says(api: Any, mode: Any) -> None:
    found = every(api)
    assert len(found) >= 14
    for operation in found:
        takes_nothing = not (operation.path_parameters or operation.query or operation.body)
        if takes_nothing and mode is schemathesis.GenerationMode.NEGATIVE:
            continue
        statuses, wrong = violations(operation, mode)
        assert wrong == [], operation.label
        assert not [status for status in statuses if status >= 500], operation.label


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "/v1/search", {"body": {"query": "printer", "context": True, "relevance": "hybrid"}}),
        ("POST", "/v1/explain", {"body": {"record_id": "helpdesk/tickets/1"}}),
        ("GET", "/v1/records/{record_id}", {"path_parameters": {"record_id": "helpdesk/tickets/1"}}),
        ("GET", "/v1/sources", {"query": {"limit": 1}}),
        ("GET", "/v1/freshness", {}),
    ],
)
def test_what_is_answered_is_as_the_document_says(api: Any, method: str, path: str, sent: dict[str, Any]) -> None:
    case = api[path][method].Case(**sent, **({"media_type": "application/json"} if "body" in sent else {}))
    reply = case.call(headers=BEARER)
    assert reply.status_code == 200, reply.text
    case.validate_response(reply, headers=BEARER)


def test_what_was_recorded_is_read_back_as_the_document_says(api: Any) -> None:
    def done(method: str, path: str, **sent: Any) -> Any:
        case = api[path][method].Case(**sent)
        reply = case.call(headers=BEARER)
        case.validate_response(reply, headers=BEARER)
        return reply.json()

    answer = done("POST", "/v1/search", body={"query": "printer"}, media_type="application/json")["id"]
    body = {"answers": [answer], "outcome": "completed"}
    decided = done("POST", "/v1/decisions", body=body, media_type="application/json")["id"]
    listed = done("GET", "/v1/decisions")["records"]
    assert [record["id"] for record in listed] == [decided, answer]
    for made in (decided, answer):
        assert done("GET", "/v1/decisions/{record_id}", path_parameters={"record_id": made})["id"] == made


def test_a_webhook_is_made_listed_and_ended_as_the_document_says(served, api: Any) -> None:
    bearer = {"Authorization": f"Bearer {served.narrowed('agent', expires_ms=2_000_000_000_000)}"}

    def done(method: str, path: str, **sent: Any) -> Any:
        case = api[path][method].Case(**sent)
        reply = case.call(headers=bearer)
        case.validate_response(reply, headers=bearer)
        return reply.json() if reply.content else reply.status_code

    new = {"url": "https://hooks.example.com/", "question": {"query": "printer"}}
    made = done("POST", "/v1/webhooks", body=new, media_type="application/json")["id"]
    named = {"path_parameters": {"webhook": made}}
    assert [one["id"] for one in done("GET", "/v1/webhooks")] == [made]
    assert done("GET", "/v1/webhooks/{webhook}/deliveries", **named) == []
    assert done("POST", "/v1/webhooks/{webhook}/redeliver", **named) == {"count": 0}
    assert done("DELETE", "/v1/webhooks/{webhook}", **named) == 204
    assert done("GET", "/v1/webhooks") == []


def test_a_server_that_fails_is_noticed(served, company, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the others could fail."""
    monkeypatch.setattr(company.store, "head", lambda _: 1 / 0)
    schema = schemathesis.openapi.from_asgi("/openapi.json", served.app(), config=CONFIG)
    statuses, wrong = violations(schema["/v1/explain"]["POST"], schemathesis.GenerationMode.POSITIVE)
    assert 500 in statuses
    assert wrong
