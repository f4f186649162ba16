"""When a call is sent again, and the flow of a call over its tries: no network, no clock, no sleep in here."""

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass

from query.client.call import Call, Lost, Reply, Request, T
from query.client.replies import OK, refusal_of, result_of
from schemas.errors import Refused, Unavailable

AGAIN = frozenset({429, 502, 503, 504})
"""Statuses after which the same request may get an answer. Below 500 only 429, and UNDER_WAY."""
FINAL = frozenset({"too_stale", "not_yet_searchable", "policy_broken"})
"""Codes that asking again does not help: the server has waited as long as the question allows, or a person must act."""
UNDER_WAY = "idempotency_key_in_flight"
"""The code that an earlier try of ours, whose reply was lost, may meet us with: soon its result is there."""


@dataclass(frozen=True, slots=True)
class Retries:
    """Up to `tries` in all. Before the n-th one a random time of at most `base_s` × 2^n, but no more than `most_s`;
    longer where the server asks for it (Retry-After)."""

    tries: int = 4
    base_s: float = 0.1
    most_s: float = 5.0
    draw: Callable[[], float] = random.random
    """Between 0 and 1."""

    def pause_s(self, tried: int, asked_s: float | None = None) -> float:
        """How long to wait after so many tries. What the server asks for comes before the random part."""
        most_s: float = min(self.most_s, self.base_s * 2**tried)
        return (asked_s or 0.0) + self.draw() * most_s


NO_RETRIES = Retries(tries=1)


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request; the reply must be whole within `timeout_s`. Give back a Reply or a Lost."""

    request: Request
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait. Give back None."""

    seconds: float


Step = Send | Pause
Outcome = Reply | Lost | None


def carry_out(
    call: Call[T], retries: Retries, timeout_s: float, clock: Callable[[], float]
) -> Generator[Step, Outcome, T]:
    """The steps of a call until its result. `clock` gives steady seconds; all tries and pauses together take at most
    `timeout_s`.

    Raises the Refused that the last reply names, Unavailable where none came.
    """
    ends = clock() + timeout_s
    tried = 0
    while True:
        tried += 1
        outcome = yield Send(call.request, max(0.0, ends - clock()))
        assert outcome is not None, "a Send gives a Reply or a Lost"
        if isinstance(outcome, Reply) and outcome.status in OK:
            return result_of(call, outcome)
        error = refusal_of(outcome) if isinstance(outcome, Reply) else Unavailable("the API", outcome.why)
        pause_s = retries.pause_s(tried, outcome.retry_after_s if isinstance(outcome, Reply) else None)
        if tried >= retries.tries or not _may_repeat(outcome, error) or clock() + pause_s >= ends:
            raise error
        yield Pause(pause_s)


def _may_repeat(outcome: Reply | Lost, error: Refused | Unavailable) -> bool:
    if isinstance(outcome, Lost) or error.code == UNDER_WAY:
        return True
    return outcome.status in AGAIN and error.code not in FINAL
