"""The error tree: what went wrong decides what happens next.

    FreshlineError
    ├── Rejected            this one event can never be applied: dead-letter topic, the stream goes on
    ├── Unavailable         a part is away: retried in place, nothing is acknowledged meanwhile
    ├── Misconfigured       a start-up mistake: refused in words, before anything runs
    └── Refused             a question that gets no answer: a typed HTTP refusal
        ├── Unauthenticated     401
        ├── Forbidden           403
        ├── InvalidQuestion     422
        └── NotAvailable        503

A class docstring is its default message and tells the reader what to do. `code` is stable: programs may match it.
"""

from typing import ClassVar, Literal

RejectReason = Literal[
    "malformed_event",
    "unsupported_operation",
    "unknown_table",
    "unknown_position",
    "key_mismatch",
    "missing_column",
    "placeholder_value",
    "no_permission",
    "quality",
    "text_too_large",
    "index_refused",
]


class FreshlineError(Exception):
    """Something went wrong in Freshline."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class Rejected(FreshlineError):
    """This event cannot be applied; it is kept in the dead-letter topic with its reason."""

    code = "rejected"

    def __init__(self, reason: RejectReason, message: str) -> None:
        super().__init__(message)
        self.reason: RejectReason = reason


class Unavailable(FreshlineError):
    """A part Freshline needs is away. Work resumes by itself when it returns."""

    code = "unavailable"

    def __init__(self, part: str, detail: str = "") -> None:
        super().__init__(f"{part} is not available{': ' + detail if detail else ''}")
        self.part = part


class Misconfigured(FreshlineError):
    """The configuration is not usable as it is."""

    code = "misconfigured"


class Refused(FreshlineError):
    """The question cannot be answered."""

    code = "refused"
    status: ClassVar[int] = 500


class Unauthenticated(Refused):
    """A valid token is required."""

    code = "unauthenticated"
    status = 401


class Forbidden(Refused):
    """The token does not allow this; ask its issuer for one that does."""

    code = "forbidden"
    status = 403


class InvalidQuestion(Refused):
    """The question is not usable as it is."""

    code = "invalid_question"
    status = 422


class AsOfUnavailable(InvalidQuestion):
    """What was current at that time is not known; ask for a later time, or for other sources."""

    code = "as_of_unavailable"


class KeywordsUnavailable(Refused):
    """The index was made before words were indexed: ask with relevance dense, or have `freshline rebuild` run."""

    code = "keywords_unavailable"
    status = 422


class RerankUnavailable(Refused):
    """This server has no model that reranks: ask without rerank, or set FRESHLINE_RERANKER."""

    code = "rerank_unavailable"
    status = 422


class NotAvailable(Refused):
    """The answer cannot be given now; ask again later."""

    code = "unavailable"
    status = 503


class IndexUnavailable(NotAvailable):
    """The index is not reachable; ask again later."""

    code = "index_unavailable"


class PermissionsUnknown(NotAvailable):
    """The permission view is not up to date, so nothing is shown; ask again later."""

    code = "permissions_unknown"


class SourceUnconfirmed(NotAvailable):
    """A source's database could not confirm in time what may be shown, and there is nothing else; ask again later."""

    code = "source_unconfirmed"


class TooStale(NotAvailable):
    """A source is further behind than the question allows; ask again later, or allow more."""

    code = "too_stale"


class NotYetSearchable(NotAvailable):
    """What `after` names is not searchable yet; ask again, with more wait_seconds."""

    code = "not_yet_searchable"


class PolicyBroken(NotAvailable):
    """The access policies cannot be used, so nothing is shown until they are corrected; the server's log says why."""

    code = "policy_broken"


class RecordUnavailable(NotAvailable):
    """The answer could not be put on record, so it is not given; ask again later."""

    code = "record_unavailable"
