"""A heartbeat counts once Kafka Connect has noted that all sent before it is in Kafka."""

from typing import Any

import httpx
import pytest

from connectors.acknowledged import Acknowledged
from connectors.connect_api import ConnectApi
from schemas.errors import Unavailable
from schemas.position import Position
from schemas.progress import Beat


def acknowledged(reply: httpx.Response, lsn: int = 500) -> bool:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/connectors/shop/offsets"
        return reply

    beat = Beat(source="shop", commit_ms=0, position=Position(f"{400:016x}.{lsn:016x}.{0:08x}"))
    with ConnectApi("http://connect", transport=httpx.MockTransport(answer)) as connect:
        return Acknowledged(connect)(beat)


def noted(**offset: Any) -> httpx.Response:
    return httpx.Response(200, json={"offsets": [{"partition": {"server": "shop"}, "offset": offset}]})


@pytest.mark.parametrize(("commit", "there"), [(499, False), (500, True), (501, True)])
def test_a_beat_counts_from_the_first_commit_noted_at_or_after_it(commit: int, there: bool) -> None:
    assert acknowledged(noted(lsn_commit=commit, lsn=1, lsn_proc=1)) is there


@pytest.mark.parametrize(
    "reply",
    [
        noted(lsn=900, lsn_proc=900),
        noted(lsn_commit=None, lsn=900),
        noted(lsn_commit="900"),
        httpx.Response(200, json={"offsets": []}),
        httpx.Response(404),
    ],
)
def test_without_a_noted_commit_no_beat_counts(reply: httpx.Response) -> None:
    """A row's own place proves nothing: it may be of a transaction that commits later."""
    assert acknowledged(reply) is False


@pytest.mark.parametrize("status", [400, 422, 500, 503])
def test_while_connect_does_not_answer_it_is_waited_for(status: int) -> None:
    with pytest.raises(Unavailable):
        acknowledged(httpx.Response(status, json={"message": "no"}))
