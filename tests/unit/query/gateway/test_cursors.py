import base64
import secrets
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.gateway.cursor import Cursors
from query.gateway.paging import MOST_PAGES
from query.gateway.refusals import InvalidCursor
from query.principal import Principal

ALICE, BOB = Principal("alice@acme.example", "acme"), Principal("bob@acme.example", "acme")
CURSORS = Cursors(secrets.token_bytes(32))
PLACE = [0.25, 7, "a/b/ü", 3]
Put = Callable[..., None]


def test_a_cursor_opens_to_its_place_for_who_got_it() -> None:
    cursor = CURSORS.seal("search", ALICE, {"query": "x"}, PLACE)
    assert CURSORS.open("search", ALICE, {"query": "x"}, cursor) == PLACE


@pytest.mark.parametrize(
    ("kind", "who", "asked"),
    [
        ("decisions", ALICE, {"query": "x"}),
        ("search", BOB, {"query": "x"}),
        ("search", Principal("alice@acme.example", "rival"), {"query": "x"}),
        ("search", Principal("alice@acme.example", "acme", "another"), {"query": "x"}),
        ("search", ALICE, {"query": "y"}),
    ],
)
def test_for_anybody_or_anything_else_it_opens_nothing(kind: str, who: Principal, asked: object) -> None:
    cursor = CURSORS.seal("search", ALICE, {"query": "x"}, PLACE)
    with pytest.raises(InvalidCursor):
        CURSORS.open(kind, who, asked, cursor)


def test_a_cursor_of_another_deployment_opens_nothing() -> None:
    with pytest.raises(InvalidCursor):
        CURSORS.open("search", ALICE, 1, Cursors(secrets.token_bytes(32)).seal("search", ALICE, 1, PLACE))


def test_what_is_in_a_cursor_cannot_be_read() -> None:
    raw = base64.urlsafe_b64decode(CURSORS.seal("search", ALICE, 1, PLACE) + "==")
    assert b"a/b/" not in raw


@given(st.text(max_size=200))
def test_any_text_is_refused_in_the_same_words(text: str) -> None:
    with pytest.raises(InvalidCursor, match="begin again"):
        CURSORS.open("search", ALICE, 1, text)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_cursor_with_one_byte_changed_opens_nothing(at: int, by: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(CURSORS.seal("search", ALICE, 1, PLACE) + "=="))
    raw[at % len(raw)] ^= by
    with pytest.raises(InvalidCursor):
        CURSORS.open("search", ALICE, 1, base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


async def pages(client, **question) -> list[list[str]]:
    found, cursor = [], None
    while True:
        reply = await client.post("/v1/search", json={"query": "printer", "cursor": cursor, **question})
        assert reply.status_code == 200, reply.text
        found.append([hit["record_id"] for hit in reply.json()["hits"]])
        cursor = reply.json()["next_cursor"]
        if cursor is None:
            return found


async def test_pages_of_a_search_are_the_one_long_answer_cut_in_pieces(served, put: Put) -> None:
    for number in range(7):
        put(f"helpdesk/tickets/{number}", f"printer {number}", age_s=3600 * number)
    client = served.client()
    whole = [hit["record_id"] for hit in (await client.post("/v1/search", json={"query": "printer"})).json()["hits"]]
    cut = await pages(client, limit=3)
    assert [len(page) for page in cut if page] == [3, 3, 1]
    assert [record for page in cut for record in page] == whole
    assert len(whole) == 7


async def test_later_pages_are_in_the_order_of_the_first_ones_moment(served, put: Put) -> None:
    put("helpdesk/tickets/old", "printer old", age_s=86_400)
    put("helpdesk/tickets/new", "printer new")
    client = served.client()
    first = (await client.post("/v1/search", json={"query": "printer", "limit": 1})).json()
    served.company.pass_time(10)
    second = await client.post("/v1/search", json={"query": "printer", "limit": 1, "cursor": first["next_cursor"]})
    assert second.json()["answered_ms"] == first["answered_ms"]
    assert [hit["record_id"] for hit in second.json()["hits"]] == ["helpdesk/tickets/old"]


@pytest.mark.parametrize("changed", [{"query": "fire"}, {"sources": ["wiki"]}, {"floor": 0.5}])
async def test_a_cursor_does_not_go_on_with_another_question(served, put: Put, changed: dict[str, object]) -> None:
    for number in range(3):
        put(f"helpdesk/tickets/{number}", f"printer {number}")
    client = served.client()
    cursor = (await client.post("/v1/search", json={"query": "printer", "limit": 1})).json()["next_cursor"]
    reply = await client.post("/v1/search", json={"query": "printer", "limit": 1, "cursor": cursor, **changed})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_cursor")


async def test_a_page_may_be_asked_for_again_with_more_room_for_what_did_not_fit(served, put: Put) -> None:
    put("helpdesk/tickets/1", "printer")
    put("helpdesk/tickets/2", "printer of the hall " * 20)
    client = served.client()
    cursor = (await client.post("/v1/search", json={"query": "printer", "limit": 1})).json()["next_cursor"]
    asked = {"query": "printer", "limit": 1, "cursor": cursor}
    found = [(await client.post("/v1/search", json=asked | {"budget_tokens": room})).json() for room in (10, 10_000)]
    assert [(len(page["hits"]), page["tokens"]["left_out"]) for page in found] == [(0, 1), (1, 0)]


async def test_somebody_elses_cursor_is_refused_like_no_cursor_at_all(served, put: Put) -> None:
    for number in range(3):
        put(f"helpdesk/tickets/{number}", f"printer {number}")
    cursor = (await served.client().post("/v1/search", json={"query": "printer", "limit": 1})).json()["next_cursor"]
    bob = served.client("bob")
    told = [
        (await bob.post("/v1/search", json={"query": "printer", "limit": 1, "cursor": one})).content
        for one in (cursor, "nonsense")
    ]
    assert told[0] == told[1]


async def test_a_search_has_so_many_pages_and_no_more(served, put: Put) -> None:
    for number in range(MOST_PAGES + 2):
        put(f"helpdesk/tickets/{number}", f"printer {number}")
    assert len(await pages(served.client(), limit=1)) == MOST_PAGES


async def test_sources_come_page_by_page_within_the_tokens_reach(served) -> None:
    client = served.client()
    first = (await client.get("/v1/sources", params={"limit": 1})).json()
    assert [source["source"] for source in first["sources"]] == ["helpdesk"]
    assert first["sources"][0]["tables"] == [{"table": "helpdesk.rows", "metadata": ["status"]}]
    second = (await client.get("/v1/sources", params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [source["source"] for source in second["sources"]] == ["wiki"]
    assert second["next_cursor"] is None
    narrow = served.client(served.narrowed("n", sources=frozenset({"wiki", "elsewhere"})))
    assert [source["source"] for source in (await narrow.get("/v1/sources")).json()["sources"]] == ["wiki"]


async def test_a_cursor_of_one_listing_is_none_for_another(served) -> None:
    client = served.client()
    cursor = (await client.get("/v1/sources", params={"limit": 1})).json()["next_cursor"]
    reply = await client.get("/v1/decisions", params={"cursor": cursor})
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_cursor")


async def test_own_records_are_listed_newest_first_and_nobody_elses(served, put: Put) -> None:
    put("helpdesk/tickets/1", "printer")
    alice, bob = served.client(), served.client("bob")
    made = []
    for number in range(3):
        made.append((await alice.post("/v1/search", json={"query": f"printer {number}"})).json()["id"])
        await bob.post("/v1/search", json={"query": "secret of bob"})
    listed, cursor = [], None
    while True:
        page = (await alice.get("/v1/decisions", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        listed += page["records"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert [record["id"] for record in listed] == made[::-1]
    assert all("withheld" not in record for record in listed)
