import pytest
from limits.errors import StorageError
from limits.storage import MemoryStorage

from query.asker import Asker, Link, Mandate
from query.gateway.limits import RateLimits, Rates, _Memory
from query.gateway.manners import Manners
from query.gateway.refusals import LimitsUnavailable, RateLimited
from query.principal import Principal
from schemas.errors import Misconfigured

ALICE = Principal("alice@acme.example", "acme", "planner")
BOB = Principal("bob@acme.example", "acme")


def admitted(limits: RateLimits, asker: Asker, times: int) -> int:
    """How many of so many requests are."""
    count = 0
    for _ in range(times):
        try:
            limits.admit(asker)
            count += 1
        except RateLimited:
            pass
    return count


def test_an_agent_asks_as_often_as_its_rate_and_no_other_is_kept_out_by_it() -> None:
    limits = RateLimits(Rates(agent="3/hour"))
    assert admitted(limits, Asker(ALICE), 5) == 3
    assert admitted(limits, Asker(BOB), 2) == 2


def test_all_of_a_tenant_together_keep_to_its_rate_and_another_tenant_does_not_notice() -> None:
    limits = RateLimits(Rates(agent="3/hour", tenant="4/hour"))
    assert [admitted(limits, Asker(who), 3) for who in (ALICE, BOB)] == [3, 1]
    assert admitted(limits, Asker(Principal("eve", "rival")), 3) == 3


def test_what_an_agent_asks_beyond_its_own_rate_does_not_use_up_its_tenants() -> None:
    limits = RateLimits(Rates(agent="1/hour", tenant="2/hour"))
    assert [admitted(limits, Asker(who), 9) for who in (ALICE, BOB)] == [1, 1]


def test_handing_a_token_on_gives_no_more() -> None:
    limits = RateLimits(Rates(agent="2/hour"))
    handed_on = Asker(ALICE, Mandate(chain=(Link("planner", "1"), Link("anybody", "2"))))
    assert [admitted(limits, asker, 1) for asker in (Asker(ALICE), handed_on, handed_on)] == [1, 1, 0]


def test_a_refusal_says_when_to_ask_again_and_what_the_limit_is() -> None:
    limits = RateLimits(Rates(agent="1/minute"))
    assert limits.admit(Asker(ALICE)).state.startswith('"agent";r=0;t=')
    with pytest.raises(RateLimited, match="by this agent") as refused:
        limits.admit(Asker(ALICE))
    assert 1 <= refused.value.retry_after_s <= 60
    assert refused.value.policy == '"agent";q=1;w=60'


def test_after_too_many_bad_tokens_of_an_address_unknown_ones_are_not_looked_at_but_good_ones_are() -> None:
    limits = RateLimits(Rates(bad_tokens="2/hour"))
    limits.verified("good")
    for _ in range(2):
        limits.suspect("192.0.2.1", "bad")
        limits.failed("192.0.2.1", "bad")
    with pytest.raises(RateLimited):
        limits.suspect("192.0.2.1", "another")
    limits.suspect("192.0.2.1", "good")
    limits.suspect("192.0.2.2", "another")
    limits.failed("192.0.2.1", "good")
    with pytest.raises(RateLimited):
        limits.suspect("192.0.2.1", "good")


def test_counting_in_memory_starts_no_thread(monkeypatch) -> None:
    """As long as the library asks the method that is overridden."""
    limits = RateLimits(Rates(agent="3/hour"))
    limits._counter.storage.timer.join(10)  # the one that it starts when it is made
    monkeypatch.setattr("threading.Timer.start", None)
    assert admitted(limits, Asker(ALICE), 5) == 3


def test_counts_that_have_expired_are_taken_away_when_the_next_request_is_counted(monkeypatch) -> None:
    monkeypatch.setattr("query.gateway.limits.SWEEP_S", 0.0)
    memory = _Memory()
    memory.incr("old", 60)
    memory.expirations["old"] = 0.0
    memory.incr("new", 60)
    assert set(memory.storage) == {"new"}


class Away(MemoryStorage):
    """A storage that is not there; what it says holds a password."""

    def acquire_sliding_window_entry(self, *_: object, **__: object) -> bool:
        raise StorageError(OSError("redis://:hunter2@host is away"))


def test_while_the_storage_is_away_nobody_is_served_and_nothing_of_it_is_told(monkeypatch) -> None:
    monkeypatch.setattr("query.gateway.limits.storage_from_string", lambda *_, **__: Away())
    with pytest.raises(LimitsUnavailable) as refused:
        RateLimits(Rates(storage="redis://host")).admit(Asker(ALICE))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "rates",
    [
        Rates(agent="often"),
        Rates(tenant="0"),
        Rates(storage="nowhere://:hunter2@host"),
        Rates(storage="async+memory://"),
        Rates(storage=""),
    ],
)
def test_rates_that_cannot_be_used_stop_the_start_without_showing_a_password(rates: Rates) -> None:
    with pytest.raises(Misconfigured) as refused:
        RateLimits(rates)
    assert "hunter2" not in str(refused.value)


async def test_the_api_refuses_beyond_the_rate_and_tells_the_state_before(served) -> None:
    client = served.client(app=served.app(Manners(Rates(agent="2/minute"))))
    replies = [await client.get("/v1/sources") for _ in range(3)]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert replies[0].headers["ratelimit-policy"] == '"agent";q=2;w=60'
    assert replies[0].headers["ratelimit"].startswith('"agent";r=1;t=')
    assert replies[2].json()["code"] == "rate_limited"
    assert 1 <= int(replies[2].headers["retry-after"]) <= 60


async def test_the_api_does_not_verify_tokens_of_an_address_that_sent_too_many_bad_ones(served) -> None:
    app = served.app(Manners(Rates(bad_tokens="2/minute")))
    bad, good = served.client("bad", app), served.client("alice", app)
    assert (await good.get("/v1/sources")).status_code == 200
    assert [(await bad.get("/v1/sources")).status_code for _ in range(4)] == [401, 401, 429, 429]
    assert served.asked == ["alice", "bad", "bad"]
    assert (await good.get("/v1/sources")).status_code == 200
    elsewhere = served.client("bad", app, address="192.0.2.8")
    assert (await elsewhere.get("/v1/sources")).status_code == 401
