"""Refusals as HTTP: application/problem+json with a stable code, nothing internal, no echo of a query."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from schemas.answer import Problem
from schemas.errors import InvalidQuestion, NotAvailable, Refused

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
MOST_DETAIL = 1_000
"""Characters. What is said of a mistake names fields and sources as they were given, so it could be as long as they."""


class TimedOut(NotAvailable):
    """The answer took too long; ask again later."""

    code = "timed_out"


class BodyTooLarge(Refused):
    """The request body is larger than any question can be."""

    code = "body_too_large"
    status = 413


class InternalError(Refused):
    """Something went wrong here; the server's log says what."""

    code = "internal_error"
    status = 500


def problem_response(refused: Refused) -> Response:
    """The refusal as a response, with the headers its status asks for."""
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": str(RETRY_AFTER_S)}}
    return _response(refused.status, refused.code, str(refused), headers.get(refused.status, {}))


def handle_problems(app: FastAPI) -> None:
    """Make every error that a route or the router raises a problem."""

    async def on_refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return problem_response(error)

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(InvalidQuestion("; ".join(_mistakes(error.errors()))))

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = HTTPStatus(error.status_code).name.lower()
        return _response(error.status_code, code, "", dict(error.headers or {}))

    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these refusals."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def _mistakes(errors: Iterable[Any]) -> Iterable[str]:
    for error in errors:
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
