"""What the client raises: one class for each code of the API, the same that the server raises.

Refused ─ Unauthenticated · Forbidden (BudgetSpent) · InvalidQuestion (InvalidCursor, …) · UnknownRecord · …
        └ NotAvailable: asking again later may help (TooStale, NotYetSearchable, PermissionsUnknown, Busy, …)
Unavailable       no reply, or none of ours
Misconfigured     an address or a token that cannot be used; nothing was sent
"""

from query.budget import BudgetSpent
from query.decisions.recorder import UnknownRecord
from query.gateway.refusals import (
    BodyTooLarge,
    InternalError,
    InvalidCursor,
    KeyInFlight,
    KeyReused,
    LimitsUnavailable,
    MalformedRequest,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    RecordChanging,
    TenantBusy,
    TimedOut,
    UnsupportedMediaType,
)
from query.updates.refusals import CursorExpired, StreamsBusy, TooManyStreams, UpdatesUnavailable
from query.webhooks.refusals import TooManyWebhooks, WebhooksUnavailable
from query.workers import Busy
from schemas.errors import (
    AsOfUnavailable,
    Forbidden,
    FreshlineError,
    IndexUnavailable,
    InvalidQuestion,
    KeywordsUnavailable,
    Misconfigured,
    NotAvailable,
    NotYetSearchable,
    PermissionsUnknown,
    PolicyBroken,
    RecordUnavailable,
    Refused,
    RerankUnavailable,
    SourceUnconfirmed,
    TooStale,
    Unauthenticated,
    Unavailable,
)

__all__ = [
    "AsOfUnavailable",
    "BodyTooLarge",
    "BudgetSpent",
    "Busy",
    "CursorExpired",
    "Forbidden",
    "FreshlineError",
    "IndexUnavailable",
    "InternalError",
    "InvalidCursor",
    "InvalidQuestion",
    "KeyInFlight",
    "KeyReused",
    "KeywordsUnavailable",
    "LimitsUnavailable",
    "MalformedRequest",
    "MethodNotAllowed",
    "Misconfigured",
    "NotAvailable",
    "NotFound",
    "NotYetSearchable",
    "PermissionsUnknown",
    "PolicyBroken",
    "RateLimited",
    "RecordChanging",
    "RecordUnavailable",
    "Refused",
    "RerankUnavailable",
    "SourceUnconfirmed",
    "StreamsBusy",
    "TenantBusy",
    "TimedOut",
    "TooManyStreams",
    "TooManyWebhooks",
    "TooStale",
    "Unauthenticated",
    "Unavailable",
    "UnknownRecord",
    "UnsupportedMediaType",
    "UpdatesUnavailable",
    "WebhooksUnavailable",
]
