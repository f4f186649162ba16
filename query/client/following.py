"""A standing question over as many connections as it takes: no network, no clock, no sleep in here."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pydantic import ValidationError

from query.client.call import Lost, Reply, Request
from query.client.errors import Refused, Unauthenticated, Unavailable
from query.client.events import Event, EventReader
from query.client.replies import refusal_of, refused
from query.client.retries import AGAIN, FINAL, Retries
from schemas.update import Closed, Pushed

PATIENCE_S = 300.0
SILENCE_S = 60.0
"""Without any byte for so long, keep-alives included, a connection counts as lost."""
GOES_ON, OVER = "restarting", "over"
"""The codes with which a server closes a stream that is to be opened again, and one that lasted as long as asked."""
UNTOLD_STATUS = 500


@dataclass(frozen=True, slots=True)
class News:
    """A permitted, relevant change. `cursor` is where to go on from: keep it, to begin there another time.

    The same version of a record may be told of twice: then `pushed.id` is the same.
    """

    cursor: str
    pushed: Pushed


@dataclass(frozen=True, slots=True)
class Manner:
    """How long it goes on without the server: `begin_s` before it was ever heard, `patience_s` afterwards, in seconds.
    `renews`: each connection may have another token, so that an ended one ends nothing. `for_s`: the end of it all."""

    retries: Retries
    begin_s: float
    patience_s: float = PATIENCE_S
    renews: bool = False
    for_s: float = math.inf


class Following:
    """What becomes of one standing question. Give it what comes; it says what to send, or raises why it is over."""

    def __init__(self, request: Request, cursor: str, manner: Manner, clock: Callable[[], float]) -> None:
        self._request, self._cursor, self._manner, self._clock = request, cursor, manner, clock
        self._reader, self._tried, self._patience_s = EventReader(), 0, manner.begin_s
        self._heard = self._began = clock()
        self._ends = self._began + manner.for_s

    @property
    def over(self) -> bool:
        """The time that was asked for has passed."""
        return self._clock() >= self._ends

    def connect(self) -> Request:
        """What to send for the next connection: where the last one ended, this one begins."""
        self._reader, self._began = EventReader(self._cursor), self._clock()
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self._cursor} if self._cursor else {})
        left = {} if math.isinf(self._ends) else {"for_seconds": max(1, math.ceil(self._ends - self._clock()))}
        return replace(self._request, params=(*self._request.params, *left.items()), headers=headers)

    def received(self, part: bytes) -> Iterator[News]:
        """The news that ends in this part. Raises the refusal that the server closed with, Unavailable for nonsense."""
        self._heard, self._patience_s = self._clock(), self._manner.patience_s
        for event in self._reader.feed(part):
            if event.name == "closed":
                self._closed(event)
            elif event.name == "hit":
                self._tried = 0
                yield News(event.id, _pushed(event))
        self._cursor = self._reader.last_id

    def broken(self, how: Reply | Lost) -> float:
        """How long to wait before the next connection, in seconds.

        Raises the refusal of a reply after which asking again does not help; and whatever broke it, once the server
        has not been heard for too long.
        """
        error = refusal_of(how) if isinstance(how, Reply) else Unavailable("the API", how.why)
        if isinstance(how, Reply) and (how.status not in AGAIN or error.code in FINAL):
            raise error
        if self._clock() - self._began > self._manner.retries.most_s:
            self._tried = 0
        self._tried += 1
        pause_s = self._manner.retries.pause_s(self._tried, how.retry_after_s if isinstance(how, Reply) else None)
        if self._clock() + pause_s - self._heard > self._patience_s:
            raise error
        return min(pause_s, max(0.0, self._ends - self._clock()))

    def _closed(self, event: Event) -> None:
        try:
            said = Closed.model_validate_json(event.data, extra="ignore")
        except ValidationError:
            raise Unavailable("the API", "it closed the stream without saying why") from None
        if said.code == OVER:
            self._ends = self._clock()
            return
        error: Refused = refused(said.code, said.detail, UNTOLD_STATUS)
        if said.code != GOES_ON and not (self._manner.renews and isinstance(error, Unauthenticated)):
            raise error


def _pushed(event: Event) -> Pushed:
    try:
        return Pushed.model_validate_json(event.data, extra="ignore")
    except ValidationError:
        raise Unavailable("the API", "it pushed what this client does not know; are both of one version?") from None
