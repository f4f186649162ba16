"""The OpenAPI document: what FastAPI derives from the routes, and what holds for all of them."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from query.problems import documented
from schemas.answer import Problem

Json = dict[str, Any]
TAGS = {
    "answers": "Questions, single records, and why they are visible.",
    "sources": "What there is to search, and how fresh it is.",
    "decisions": "What was shown to whom, and what an agent did with it.",
    "updates": "Being told when something changes.",
    "service": "For probes; without token.",
}
DESCRIPTION = (
    "Permitted, freshness-ranked answers from live database changes. Who asks comes from the token alone. Every "
    "refusal is a problem document (RFC 9457) with a stable `code`; docs/api.md lists them."
)
EVERYWHERE = (400, 401, 413, 422, 429, 500, 503)
"""What any request with a token may meet."""
OF_PROBES = (413, 500, 503)
"""What any other may."""
_TEXT, _WHOLE = {"type": "string"}, {"type": "integer", "minimum": 1}
HEADERS: dict[str, Json] = {
    "RateLimit": {"description": "What is left of the nearest limit: r requests, whole in t seconds.", "schema": _TEXT},
    "RateLimit-Policy": {"description": "That limit: q requests in w seconds.", "schema": _TEXT},
    "Retry-After": {"description": "Seconds after which it is worth asking again.", "schema": _WHOLE},
    "WWW-Authenticate": {"description": "The scheme: Bearer.", "schema": _TEXT},
}
OF_STATUS = {
    "401": ("WWW-Authenticate",),
    "429": ("Retry-After", "RateLimit-Policy"),
    "503": ("Retry-After",),
}


def document(app: FastAPI) -> None:
    """Make the application give this document, made once, when it is first asked for."""

    def openapi() -> Json:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def operation_id(route: APIRoute) -> str:
    """The name of the function that answers."""
    return route.name


def _document(app: FastAPI) -> Json:
    schema = get_openapi(title=app.title, version=app.version, routes=app.routes, description=DESCRIPTION)
    schema["info"]["license"] = {"name": "Proprietary", "identifier": "LicenseRef-Proprietary"}
    schema["servers"] = [{"url": "/", "description": "This server."}]
    components = schema["components"]
    components["schemas"]["Problem"] = Problem.model_json_schema()
    components["headers"] = HEADERS
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    used: set[str] = set()
    for operation in _operations(schema):
        used |= set(operation.get("tags", ()))
        _complete(operation)
    schema["tags"] = [{"name": name, "description": said} for name, said in TAGS.items() if name in used]
    return schema


def _operations(schema: Json) -> list[Json]:
    return [operation for path in schema["paths"].values() for operation in path.values()]


def _complete(operation: Json) -> None:
    """The refusals that any request may meet, and the headers of all replies."""
    responses, secured = operation["responses"], "security" in operation
    statuses = [*(EVERYWHERE if secured else OF_PROBES), *((415,) if "requestBody" in operation else ())]
    operation.setdefault("security", [])
    for status, said in documented(*statuses).items():
        responses.setdefault(str(status), said)
    for status, response in responses.items():
        named = OF_STATUS.get(status, ()) + (("RateLimit", "RateLimit-Policy") if secured and status < "300" else ())
        if named:
            headers = response.setdefault("headers", {})
            headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in named}
    operation["responses"] = dict(sorted(responses.items()))
