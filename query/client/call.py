"""What the client sends and gets, without any network: a call, its reply, and where a reply was lost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
Params = tuple[tuple[str, str | int | float | bool | None], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is encoded already; `body` is JSON. There is no token here: a transport adds it as it sends."""

    method: str
    path: str
    params: Params = ()
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request and how its reply's body is read. `read` raises pydantic.ValidationError for what it does not know.

    Doing it twice is as good as once, so it may be sent again when nobody knows whether it arrived: what leaves
    something behind carries an idempotency key.
    """

    request: Request
    read: Callable[[bytes], T]
    next: "Callable[[T], Call[T] | None]" = lambda _: None
    """From one page to the call that gets the next; None after the last."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply. `retry_after_s`: how long the server asks to wait, if it does."""

    status: int
    body: bytes
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """No reply: nobody knows whether the request reached the server."""

    why: str
