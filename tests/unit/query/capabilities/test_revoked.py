"""The list of what counts no more: complete or nobody gets in."""

from collections.abc import Callable

import pytest
from capability_stage import NOW_MS

from query.capabilities.revoked import Revocations, revocation
from query.clock import Instant
from query.follow import FOLLOWED, CatchUp, Follower
from query.view import PermissionView
from schemas.errors import Misconfigured, PermissionsUnknown, Unauthenticated
from schemas.revocation import Revocation
from schemas.topics import COMPACTED, INTERNAL, REVOCATIONS, SINGLE_PARTITION

LIMIT_S = 15.0
NOW = Instant(NOW_MS, 1000.0)


def message(name: str, expires_ms: int | None = None) -> tuple[bytes, bytes]:
    whole = Revocation(id=name, revoked_ms=NOW_MS, expires_ms=expires_ms)
    return name.encode(), whole.model_dump_json().encode()


@pytest.fixture
def current() -> Revocations:
    revocations = Revocations(lambda: NOW_MS)
    revocations.caught_up(NOW.steady)
    return revocations


def refused(revocations: Revocations, *ids: str) -> bool:
    try:
        revocations.require_good(ids, LIMIT_S, NOW)
    except Unauthenticated:
        return True
    return False


def test_one_revoked_hand_refuses_the_whole_chain(current: Revocations) -> None:
    assert not refused(current, "a", "b", "c")
    current.take(*message("b"))
    assert refused(current, "a", "b", "c")
    assert not refused(current, "a", "c")


def test_a_list_that_was_never_complete_or_is_too_old_lets_nobody_in(current: Revocations) -> None:
    with pytest.raises(PermissionsUnknown):
        Revocations().require_good(["a"], LIMIT_S, NOW)
    current.require_good(["a"], LIMIT_S, NOW._replace(steady=NOW.steady + LIMIT_S))
    with pytest.raises(PermissionsUnknown):
        current.require_good(["a"], LIMIT_S, NOW._replace(steady=NOW.steady + LIMIT_S + 0.1))


def test_what_is_known_to_be_revoked_is_refused_even_while_the_list_is_old(current: Revocations) -> None:
    current.take(*message("a"))
    with pytest.raises(Unauthenticated):
        current.require_good(["a"], LIMIT_S, NOW._replace(steady=NOW.steady + 100))


def test_a_list_begun_again_lets_nobody_in_until_it_is_complete(current: Revocations) -> None:
    current.take(*message("a"))
    current.clear()
    with pytest.raises(PermissionsUnknown):
        current.require_good(["b"], LIMIT_S, NOW)
    current.take(*message("a"))
    current.caught_up(NOW.steady)
    assert refused(current, "a")


@pytest.mark.parametrize("value", [b"", b"{", b"\xff", b"[]", b'{"id": ""}', b'{"id": "b", "more": 1}'])
def test_an_entry_that_cannot_be_read_revokes_its_key_for_ever(current: Revocations, value: bytes) -> None:
    current.take(b"a", value)
    assert refused(current, "a")


def test_a_tombstone_takes_nothing_away(current: Revocations) -> None:
    current.take(*message("a"))
    current.take(b"a", None)
    assert refused(current, "a")


def test_an_entry_is_forgotten_when_its_tokens_have_expired_and_not_before() -> None:
    now = [NOW_MS]
    revocations = Revocations(lambda: now[0])
    revocations.caught_up(NOW.steady)
    for name, expires_ms in (("short", NOW_MS + 10), ("long", NOW_MS + 1000), ("ever", None)):
        revocations.take(*message(name, expires_ms))
    now[0] += 10
    revocations.take(*message("x"))
    assert refused(revocations, "short")
    now[0] += 1
    revocations.take(*message("x"))
    assert [refused(revocations, name) for name in ("short", "long", "ever")] == [False, True, True]
    assert len(revocations) == 3


@pytest.mark.parametrize("order", [lambda both: both, lambda both: both[::-1]])
def test_of_two_revocations_of_one_token_the_longer_counts(order: Callable[[list], list]) -> None:
    now = [NOW_MS]
    revocations = Revocations(lambda: now[0])
    for expires_ms in order([NOW_MS + 1, None]):
        revocations.take(*message("a", expires_ms))
    now[0] += 10
    revocations.take(*message("x", NOW_MS))
    assert refused(revocations, "a")


def test_the_list_is_followed_with_the_view_and_kept_in_one_compacted_partition() -> None:
    assert REVOCATIONS in FOLLOWED
    assert REVOCATIONS in INTERNAL
    assert REVOCATIONS in COMPACTED & SINGLE_PARTITION


class Arrived:
    """A message as the Kafka client hands it over."""

    def __init__(self, key: bytes, value: bytes) -> None:
        self.key, self.value = lambda: key, lambda: value

    error = staticmethod(lambda: None)
    topic = staticmethod(lambda: REVOCATIONS)
    partition = staticmethod(lambda: 0)
    offset = staticmethod(lambda: 0)


def test_a_message_of_the_topic_reaches_the_list(current: Revocations) -> None:
    follower = Follower("nowhere:1", PermissionView(), current)
    follower._take(Arrived(*message("a")), CatchUp())  # type: ignore[arg-type]
    assert refused(current, "a")


@pytest.mark.parametrize("name", ["", "x" * 257])
def test_an_id_no_token_can_have_is_refused_before_it_is_written(name: str) -> None:
    with pytest.raises(Misconfigured, match="inspect"):
        revocation(name, NOW_MS, None)
