"""What is sent again, when, and for how long: the flow is walked step by step, with a clock moved by hand."""

from collections.abc import Callable

import httpx
import pytest
from client_stage import Api, an_answer, json_of

from query.client import calls
from query.client.call import Call, Lost, Reply
from query.client.replies import retry_after_s
from query.client.retries import Outcome, Pause, Retries, Send, carry_out
from query.problems import problem_response
from query.workers import Busy
from schemas.decision import Recorded
from schemas.errors import Forbidden, NotYetSearchable, PolicyBroken, Refused, TooStale, Unavailable

SEARCH = calls.search("printer")
DECIDE = calls.decide(answers=["a" * 32], outcome="completed")
ANSWERED = Reply(200, an_answer().model_dump_json().encode())
DECIDED = Reply(201, Recorded(id="a" * 32).model_dump_json().encode())
ALWAYS_MOST = Retries(tries=4, base_s=1.0, most_s=5.0, draw=lambda: 1.0)


def refusal(error: Refused, retry_after_s: float | None = None) -> Reply:
    return Reply(error.status, bytes(problem_response(error).body), retry_after_s)


class TooMany(Refused):
    """Slower."""

    code = "of_this_test"
    status = 429


def walk(call: Call, outcomes: list[Outcome], retries: Retries = ALWAYS_MOST, timeout_s: float = 30.0):
    """The result or error of a call that meets these outcomes, and how long it paused before each further try."""
    now, pauses, left = 0.0, [], list(outcomes)
    steps = carry_out(call, retries, timeout_s, lambda: now)
    step = next(steps)
    while True:
        if isinstance(step, Pause):
            now += step.seconds
            pauses.append(step.seconds)
        given: Outcome = left.pop(0) if isinstance(step, Send) else None
        try:
            step = steps.send(given)
        except StopIteration as end:
            return end.value, pauses
        except (Refused, Unavailable) as error:
            return error, pauses


@pytest.mark.parametrize("outcome", [Lost("ReadError"), refusal(Busy()), refusal(TooMany())])
@pytest.mark.parametrize(
    ("call", "reply", "result"),
    [
        (SEARCH, ANSWERED, an_answer()),
        (DECIDE, DECIDED, Recorded(id="a" * 32)),
        (calls.freshness(), Reply(200, b"[]"), []),
    ],
    ids=["search", "decide", "freshness"],
)
def test_what_is_safe_to_repeat_is_sent_again(call: Call, reply: Reply, result: object, outcome: Outcome) -> None:
    told, pauses = walk(call, [outcome, reply])
    assert told == result
    assert len(pauses) == 1


@pytest.mark.parametrize("error", [Forbidden(), TooStale(), NotYetSearchable(), PolicyBroken()])
def test_a_refusal_that_asking_again_does_not_help_is_told_at_once(error: Refused) -> None:
    told, pauses = walk(SEARCH, [refusal(error)])
    assert type(told) is type(error)
    assert pauses == []


@pytest.mark.parametrize("status", [400, 404, 408, 409, 422, 425, 500, 501])
def test_no_other_status_is_asked_again(status: int) -> None:
    error, pauses = walk(SEARCH, [Reply(status, b"")])
    assert isinstance(error, Unavailable)
    assert pauses == []


def test_pauses_grow_up_to_the_most_and_end_with_the_tries() -> None:
    retries = Retries(tries=6, base_s=1.0, most_s=5.0, draw=lambda: 1.0)
    error, pauses = walk(SEARCH, [refusal(Busy())] * 6, retries)
    assert isinstance(error, Busy)
    assert pauses == [2.0, 4.0, 5.0, 5.0, 5.0]


def test_pauses_are_drawn_at_random() -> None:
    assert Retries(base_s=1.0, draw=lambda: 0.25).pause_s(1) == 0.5


def test_the_servers_wish_is_kept_with_the_random_part_on_top() -> None:
    assert walk(SEARCH, [refusal(Busy(), 7.0), ANSWERED])[1] == [9.0]


def test_nothing_is_tried_past_the_deadline_and_the_last_refusal_is_told() -> None:
    error, pauses = walk(SEARCH, [refusal(Busy(), 40.0)], timeout_s=30.0)
    assert isinstance(error, Busy)
    assert pauses == []


def test_each_try_has_only_what_is_left_of_the_time() -> None:
    now = 0.0
    steps = carry_out(SEARCH, ALWAYS_MOST, 30.0, lambda: now)
    assert next(steps) == Send(SEARCH.request, 30.0)
    now = 10.0
    assert steps.send(refusal(Busy())) == Pause(2.0)
    now = 12.0
    assert steps.send(None) == Send(SEARCH.request, 18.0)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("7", 7.0), (" 7 ", 7.0), ("", None), ("soon", None), ("-1", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0)],
)
def test_the_servers_wish_is_read_in_seconds_or_as_a_date(given: str, seconds: float | None) -> None:
    assert retry_after_s({"retry-after": given}) == seconds


def test_a_reply_in_drips_ends_with_the_time(do: Callable) -> None:
    """The reply's body is endless; only the total time ends it."""

    class Drip(httpx.SyncByteStream, httpx.AsyncByteStream):
        def __iter__(self):
            while True:
                yield b" "

        async def __aiter__(self):
            import asyncio

            while True:
                await asyncio.sleep(0)
                yield b" "

    api = Api([httpx.Response(200, stream=Drip())])
    with pytest.raises(Unavailable, match="ReadTimeout"):
        do(api, "search", "printer", client_options={"timeout_s": 0.05})


def test_both_clients_carry_the_flow_out(do: Callable) -> None:
    api = Api([httpx.ReadError("gone"), httpx.ConnectError("away"), json_of(an_answer())])
    assert do(api, "search", "printer") == an_answer()
    assert len(api.seen) == 3
