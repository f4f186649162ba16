"""Refusals that are about the request and not about what it asks for."""

from schemas.errors import InvalidQuestion, NotAvailable, Refused


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


class NotFound(Refused):
    """There is nothing at this path; /openapi.json lists what there is."""

    code = "not_found"
    status = 404


class MethodNotAllowed(Refused):
    """This path does not have this method; the header Allow says which it has."""

    code = "method_not_allowed"
    status = 405


class MalformedRequest(Refused):
    """The request cannot be read: its body is not what its headers say."""

    code = "bad_request"
    status = 400


class UnsupportedMediaType(Refused):
    """A body is JSON: send it with content-type application/json."""

    code = "unsupported_media_type"
    status = 415


class RateLimited(Refused):
    """Too many requests; ask again when Retry-After has passed."""

    code = "rate_limited"
    status = 429

    def __init__(self, message: str = "", retry_after_s: int = 1, policy: str = "") -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.policy = policy
        """As the header RateLimit-Policy has it; empty: not to be told."""


class TenantBusy(Refused):
    """Your tenant has as many questions under way as it may; ask again in a second."""

    code = "tenant_busy"
    status = 429


class LimitsUnavailable(NotAvailable):
    """How many requests were made cannot be known now, so none is served; ask again later."""

    code = "limits_unavailable"


class RecordChanging(NotAvailable):
    """The record is being written at this moment; ask again in a second."""

    code = "record_changing"


class InvalidCursor(InvalidQuestion):
    """The cursor is not one that was given to you for this question; begin again without one."""

    code = "invalid_cursor"


class KeyReused(Refused):
    """This Idempotency-Key was used for something else; take a new one for a new request."""

    code = "idempotency_key_reused"
    status = 422


class KeyInFlight(Refused):
    """The request with this Idempotency-Key is still under way; ask again in a second."""

    code = "idempotency_key_in_flight"
    status = 409
