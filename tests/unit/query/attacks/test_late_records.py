"""A decision log that takes its time: what an answer promises of staleness holds when it leaves."""

import json
from typing import Any

import pytest

from query.decisions.memory import MemoryDecisions
from query.principal import Principal

ASKER = Principal("alice@acme.example", "acme", "helper")


class Slow(MemoryDecisions):
    """Each entry takes ten seconds of the company's time."""

    def __init__(self, company: Any) -> None:
        super().__init__()
        self._company = company

    def append(self, *args: Any) -> None:
        super().append(*args)
        self._company.pass_time(10)


async def ask(attacked: Any, **asked: Any) -> Any:
    attacked.company.decisions = Slow(attacked.company)
    client = attacked.client(attacked.capability(ASKER))
    return await client.post("/v1/search", json={"query": "printer", "max_staleness_seconds": 5, **asked})


async def test_what_grew_too_old_while_it_was_put_on_record_is_refused_and_that_is_on_record(attacked: Any) -> None:
    reply = await ask(attacked, on_stale="fail")
    assert (reply.status_code, reply.json()["code"]) == (503, "too_stale")
    entries = attacked.company.decisions.read(0, 10)
    assert [json.loads(entry.envelope)["status"] for entry in entries] == ["answered", "too_stale"]


@pytest.mark.parametrize(("allowed", "verdict"), [(5, "beyond"), (30, "within")])
async def test_where_it_is_only_flagged_the_flag_is_that_of_the_moment_it_leaves(
    attacked: Any, allowed: int, verdict: str
) -> None:
    reply = (await ask(attacked, max_staleness_seconds=allowed)).json()
    assert [len(reply["hits"]), reply["stale"]] == [1, verdict == "beyond"]
    assert {one["verdict"] for one in reply["sources"]} == {verdict}
