"""A past time is answered for only where every version of every asked source is known."""

import pytest

from query.history.available import Known, require_known
from schemas.answer import SourceStatus
from schemas.contract import Contract
from schemas.errors import AsOfUnavailable

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
TABLE = {"key": ["id"], "text": "{body}", "permissions": {"tenant": "acme", "readers": ["user:ann"]}}
PARTS = {"connector": {"plugin": "postgres", "config": "x.json"}, "tables": {"s.t": TABLE}}
ROLE = {"at_source": {"role": "reader"}, "enforce": "source"}


def contract(name: str, **more: object) -> Contract:
    return Contract.model_validate({**PARTS, "source": name, **more})


CONTRACTS = {
    "kept": contract("kept", freshness={"history": "7d"}),
    "new": contract("new", freshness={"history": "7d"}),
    "plain": contract("plain"),
    "strict": contract("strict", freshness={"history": "7d"}, **ROLE),
}
KNOWN = Known(CONTRACTS, {"kept": NOW_MS - DAY_MS, "strict": 0, "plain": 0}, NOW_MS)


def status(name: str, watermark_ms: int | None = NOW_MS - 1000) -> SourceStatus:
    return SourceStatus(source=name, state="fresh", watermark_ms=watermark_ms, lag_ms=0, slo_ms=2000)


def refusal(as_of_ms: int, *sources: str, known: Known = KNOWN, watermark_ms: int | None = NOW_MS - 1000) -> str:
    with pytest.raises(AsOfUnavailable) as refused:
        require_known(as_of_ms, sources, [status(name, watermark_ms) for name in sources], known)
    assert (refused.value.code, refused.value.status) == ("as_of_unavailable", 422)
    return str(refused.value)


@pytest.mark.parametrize("as_of_ms", [NOW_MS - DAY_MS, NOW_MS - 5000, NOW_MS - 1001])
def test_a_time_from_the_beginning_until_before_the_watermark_is_answered(as_of_ms: int) -> None:
    require_known(as_of_ms, {"kept"}, [status("kept"), status("plain")], KNOWN)


def test_a_time_before_the_beginning_is_refused_and_the_beginning_named() -> None:
    assert f"kept is known since {NOW_MS - DAY_MS} (2027-01-14T08:00:00.000Z)" in refusal(NOW_MS - DAY_MS - 1, "kept")


def test_a_time_beyond_the_retention_is_refused_whatever_is_still_there() -> None:
    known = Known(CONTRACTS, {"kept": 0}, NOW_MS)
    require_known(NOW_MS - 7 * DAY_MS, {"kept"}, [status("kept")], known)
    assert f"since {NOW_MS - 7 * DAY_MS}" in refusal(NOW_MS - 7 * DAY_MS - 1, "kept", known=known)


def test_a_time_in_the_future_is_refused() -> None:
    assert "future" in refusal(NOW_MS + 1, "kept")


def test_a_time_beyond_what_is_searchable_is_refused() -> None:
    """A commit of the watermark's own millisecond may still come."""
    assert f"searchable before {NOW_MS - 1000}" in refusal(NOW_MS - 1000, "kept")
    assert "searchable nowhere yet" in refusal(NOW_MS - 999, "kept", watermark_ms=None)


def test_each_source_that_cannot_be_answered_for_is_named_with_its_reason() -> None:
    words = refusal(NOW_MS - 2000, "kept", "new", "plain", "strict")
    assert "kept" not in words.replace("keeps", "")
    for expected in ("new has no history yet", "plain keeps no history", "strict is confirmed at its database"):
        assert expected in words
