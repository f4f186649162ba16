"""A reply as what it says: a typed result, or the refusal that its problem body names."""

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import NoReturn

from pydantic import ValidationError

from query.client.call import Call, Reply, T
from query.client.errors import Forbidden, InvalidQuestion, NotAvailable, Refused, Unauthenticated, Unavailable
from schemas.answer import Problem

OK = range(200, 300)
_BY_STATUS: dict[int, type[Refused]] = {kind.status: kind for kind in (Unauthenticated, Forbidden, InvalidQuestion)}


def result_of(call: Call[T], reply: Reply) -> T:
    """What a reply to this call gives. Raises the Refused that it names; Unavailable for what is no reply of ours."""
    if reply.status not in OK:
        raise refusal_of(reply)
    try:
        return call.read(reply.body)
    except ValidationError:
        _strange(f"it answered {call.request.path} with something this client does not know; are both of one version?")


def refusal_of(reply: Reply) -> Refused | Unavailable:
    """The refusal of a reply, by its code; one of its status, with that code, where this program knows no such code."""
    try:
        problem = Problem.model_validate_json(reply.body, extra="ignore")
    except ValidationError:
        return Unavailable("the API", f"it answered {reply.status} without saying why")
    return refused(problem.code, problem.detail, problem.status)


def refused(code: str, detail: str, status: int) -> Refused:
    """A refusal by its code and, for a code that is not known here, its status."""
    kind = {known.code: known for known in _kinds(Refused)}.get(code)
    if kind is not None:
        return kind(detail)
    default = NotAvailable if status >= 500 and status != Refused.status else Refused
    error = _BY_STATUS.get(status, default)(detail)
    vars(error).update(code=code, status=status)
    return error


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The Retry-After of a reply, given in seconds or as a date; None without a usable one."""
    given = headers.get("retry-after", "").strip()
    if given.isascii() and given.isdigit():
        return float(given[:9])
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _strange(said: str) -> NoReturn:
    raise Unavailable("the API", said) from None


def _kinds(kind: type[Refused]) -> list[type[Refused]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _kinds(child))]
