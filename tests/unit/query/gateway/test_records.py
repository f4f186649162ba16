import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from index.hash_embedder import HashEmbedder
from query.asker import Budget, Circumstances, Link
from query.decisions.recorder import UnknownRecord
from query.gateway.records import record_for
from query.gateway.refusals import RecordChanging
from query.search import Live
from schemas.errors import PermissionsUnknown
from schemas.label import Label
from schemas.record import Record

ID = "helpdesk/tickets/1"
BOBS = Label(tenant="acme", readers=("user:bob@acme.example",))
Put = Callable[..., None]


def on_record(company: Any) -> list[dict[str, Any]]:
    return [json.loads(entry.payload.body) for entry in company.decisions.entries if entry.payload]


async def test_a_record_comes_whole_with_what_to_cite(served, put: Put) -> None:
    put(ID, "the printer", "is on fire", url="https://helpdesk.example/1")
    reply = await served.client().get(f"/v1/records/{quote(ID, safe='')}")
    assert reply.status_code == 200
    record = Record.model_validate_json(reply.content)
    assert (record.record_id, record.source, record.key) == (ID, "helpdesk", {"id": "1"})
    assert [(chunk.chunk, chunk.text) for chunk in record.chunks] == [(0, "the printer"), (1, "is on fire")]
    assert (record.metadata, record.url) == ({"status": "open"}, "https://helpdesk.example/1")
    assert record.why == ["user:alice@acme.example"]
    assert record.citation.startswith(f"{ID}, version {record.position}, committed ")


async def test_an_id_with_slashes_in_the_path_is_the_same_record(served, put: Put) -> None:
    put(ID, "the printer")
    assert (await served.client().get(f"/v1/records/{ID}")).json()["record_id"] == ID


async def test_an_id_that_is_percent_encoded_itself_is_found_when_encoded_once_more(served, put: Put) -> None:
    put("wiki/pages/a%2Fb", "the page")
    reply = await served.client().get(f"/v1/records/{quote('wiki/pages/a%2Fb', safe='')}")
    assert reply.json()["record_id"] == "wiki/pages/a%2Fb"


@pytest.mark.parametrize("bearer", ["bob", "rival"])
async def test_a_denied_record_looks_as_if_it_were_not_there(served, put: Put, bearer: str) -> None:
    put(ID, "the printer", "is on fire")
    client = served.client(bearer)
    denied, absent = [await client.get(f"/v1/records/{quote(name, safe='')}") for name in (ID, "helpdesk/tickets/9")]
    assert (denied.status_code, denied.json()["code"]) == (404, "unknown_record")
    assert denied.content == absent.content
    records = on_record(served.company)
    assert [record["status"] for record in records] == ["unknown_record"] * 2
    assert records[0].keys() == records[1].keys()


async def test_it_is_on_record_before_it_leaves_as_a_get_of_that_version(served, put: Put) -> None:
    put(ID, "the printer", "is on fire")
    reply = await served.client().get(f"/v1/records/{quote(ID, safe='')}", params={"purpose": "support"})
    (record,) = on_record(served.company)
    assert (record["id"], record["operation"], record["status"]) == (reply.json()["id"], "get", "answered")
    assert (record["question"]["query"], record["purpose"]) == (ID, "support")
    assert [shown["position"] for shown in record["shown"]] == [reply.json()["position"]]


async def test_the_id_of_its_answer_is_one_that_a_decision_can_rest_on(served, put: Put) -> None:
    put(ID, "the printer")
    client = served.client()
    given = (await client.get(f"/v1/records/{ID}")).json()["id"]
    assert (await client.post("/v1/decisions", json={"answers": [given], "outcome": "completed"})).status_code == 201


async def test_it_counts_as_one_row_of_the_tokens_budget(served, put: Put) -> None:
    put(ID, "the printer", "is on fire")
    link = Link("planner", "link-1")
    client = served.client(served.narrowed("two", chain=(link,), budgets=(Budget("link-1", 2),)))
    codes = [(await client.get(f"/v1/records/{ID}")).status_code for _ in range(3)]
    assert codes == [200, 200, 403]


async def test_an_unknown_record_takes_nothing_of_the_budget(served, put: Put) -> None:
    put(ID, "the printer")
    client = served.client(served.narrowed("one", chain=(Link("p", "l"),), budgets=(Budget("l", 1),)))
    assert (await client.get("/v1/records/helpdesk/tickets/9")).status_code == 404
    assert (await client.get(f"/v1/records/{ID}")).status_code == 200


async def test_a_token_for_other_operations_or_sources_gets_none(served, put: Put) -> None:
    put(ID, "the printer")
    searcher = served.client(served.narrowed("s", operations=frozenset({"search"})))
    assert (await searcher.get(f"/v1/records/{ID}")).json()["code"] == "forbidden"
    elsewhere = served.client(served.narrowed("w", sources=frozenset({"wiki"})))
    assert (await elsewhere.get(f"/v1/records/{ID}")).json()["code"] == "unknown_record"


async def test_nothing_is_told_while_permissions_are_not_known(served, put: Put) -> None:
    put(ID, "the printer")
    served.company.pass_time(60)
    assert (await served.client().get(f"/v1/records/{ID}")).json()["code"] == PermissionsUnknown.code


class Moving:
    """A store in which a record is written between its head and the rest, so often; then `relabelled`."""

    def __init__(self, company: Any, times: int, label: Label) -> None:
        self.company, self.times, self.label = company, times, label

    def head(self, record_id: str) -> Any:
        return self.company.store.head(record_id)

    def held(self, record_ids: list[str]) -> Any:
        if self.times:
            self.times -= 1
            self.company.rewrite(record_ids[0], self.label)
        return self.company.store.held(record_ids)


def asked(served: Any, store: Any) -> Record:
    parts = served.company.parts(live=lambda: Live(HashEmbedder(), store))
    return record_for(parts, served.askers["alice"], Circumstances(served.company.now.wall_ms), ID)


async def test_a_record_written_in_between_is_read_anew(served, put: Put, rewriting) -> None:
    put(ID, "the printer", "is on fire")
    assert [chunk.text for chunk in asked(served, Moving(rewriting, 1, rewriting.own)).chunks] == [
        "the printer",
        "is on fire",
    ]


async def test_a_record_taken_away_in_between_is_not_there(served, put: Put, rewriting) -> None:
    put(ID, "the printer", "is on fire")
    with pytest.raises(UnknownRecord):
        asked(served, Moving(rewriting, 1, BOBS))


async def test_a_record_that_never_holds_still_is_refused(served, put: Put, rewriting) -> None:
    put(ID, "the printer", "is on fire")
    with pytest.raises(RecordChanging):
        asked(served, Moving(rewriting, 99, rewriting.own))
    assert on_record(served.company)[-1]["status"] == "record_changing"


async def test_why_a_record_is_visible_is_on_record_too(served, put: Put) -> None:
    put(ID, "the printer")
    client = served.client()
    assert (await client.post("/v1/explain", json={"record_id": ID})).status_code == 200
    assert (await client.post("/v1/explain", json={"record_id": "helpdesk/tickets/9"})).status_code == 404
    told = [(r["operation"], r["status"], r["question"]["query"], r["shown"]) for r in on_record(served.company)]
    assert told == [("explain", "answered", ID, []), ("explain", "unknown_record", "helpdesk/tickets/9", [])]


async def test_a_parameter_that_there_is_not_is_refused_and_nothing_is_read(served, put: Put) -> None:
    put(ID, "the printer")
    reply = await served.client().get(f"/v1/records/{ID}", params={"purpos": "support"})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_question")
    assert "'purpos'; there are: purpose" in reply.json()["detail"]
    assert on_record(served.company) == []
    assert (await served.client("").get("/healthz", params={"x": "1"})).status_code == 200
