"""Refusals as HTTP: application/problem+json with a stable code, nothing internal, no echo of a query."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from query.gateway.refusals import (
    KeyInFlight,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    TenantBusy,
    UnsupportedMediaType,
)
from schemas.answer import Problem
from schemas.errors import InvalidQuestion, Refused

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
MOST_DETAIL = 1_000
"""Characters. What is said of a mistake names fields and sources as they were given, so it could be as long as they."""
OF_HTTP: dict[int, type[Refused]] = {
    error.status: error for error in (MalformedRequest, NotFound, MethodNotAllowed, UnsupportedMediaType)
}


def problem_response(refused: Refused) -> Response:
    """The refusal as a response, with the headers its status asks for."""
    return _response(refused.status, refused.code, str(refused), _headers(refused))


def handle_problems(app: FastAPI) -> None:
    """Make every error that a route or the router raises a problem."""

    async def on_refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return problem_response(error)

    async def on_invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        if _is_no_json(request, error.errors()):
            return problem_response(UnsupportedMediaType())
        return problem_response(InvalidQuestion("; ".join(_mistakes(error.errors()))))

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        known = OF_HTTP.get(error.status_code)
        code = known.code if known else HTTPStatus(error.status_code).name.lower()
        return _response(error.status_code, code, str(known()) if known else "", dict(error.headers or {}))

    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these refusals; what any request may meet is said of all routes by the gateway."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def _headers(refused: Refused) -> dict[str, str]:
    if refused.status == HTTPStatus.UNAUTHORIZED:
        return {"WWW-Authenticate": "Bearer"}
    if isinstance(refused, RateLimited):
        told = {"RateLimit-Policy": refused.policy} if refused.policy else {}
        return {"Retry-After": str(refused.retry_after_s), **told}
    wait = refused.status == HTTPStatus.SERVICE_UNAVAILABLE or isinstance(refused, TenantBusy | KeyInFlight)
    return {"Retry-After": str(RETRY_AFTER_S)} if wait else {}


def _is_no_json(request: Request, errors: Iterable[Any]) -> bool:
    """Whether the body was not read at all because of what its content type says."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_json = said == "application/json" or (said.startswith("application/") and said.endswith("+json"))
    return not is_json and any(error["loc"] == ("body",) and error["type"] != "missing" for error in errors)


def _mistakes(errors: Iterable[Any]) -> Iterable[str]:
    for error in errors:
        if error["type"] == "json_invalid":
            yield f"the body is no JSON: a mistake at character {error['loc'][-1]}"
            continue
        place = ".".join(str(step) for step in error["loc"] if step != "body")
        yield f"{place}: {error['msg']}" if place else str(error["msg"])


def _response(status: int, code: str, detail: str, headers: dict[str, str]) -> Response:
    phrase = HTTPStatus(status).phrase
    problem = Problem(
        type=f"urn:freshline:problem:{code}",
        title=phrase,
        status=status,
        code=code,
        detail=detail[:MOST_DETAIL] or f"{phrase}.",
    )
    # ASCII, because a half surrogate pair in a field's name could not be sent otherwise.
    body = json.dumps(problem.model_dump(), ensure_ascii=True)
    return Response(body, status, headers, media_type=MEDIA_TYPE)
