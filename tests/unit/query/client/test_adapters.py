"""Both adapters, against the real packages: what a framework gets, and what it never gets."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from client_stage import STATUS, Api, a_hit, an_answer, json_of

from query.client import NO_RETRIES, AsyncClient, Client
from query.problems import problem_response
from schemas.answer import Answer
from schemas.errors import InvalidQuestion, Misconfigured, PermissionsUnknown, TooStale

BEHIND = STATUS.model_copy(update={"state": "late", "verdict": "beyond", "detail": "the connector failed: boom"})
STALE = an_answer(hits=[a_hit()], sources=[BEHIND], stale=True)
FRESH = an_answer(id="c" * 32, hits=[a_hit(), a_hit("wiki/wiki.pages/2", chunk=3, score=0.4)], sources=[BEHIND])
Ask = Callable[..., list[tuple[str, str, dict[str, Any]]]]


def clients(api: Api, way: str) -> dict[str, Any]:
    transport, name = httpx.MockTransport(api.handle), "async_client" if way == "async client" else "client"
    kind = AsyncClient if way == "async client" else Client
    return {name: kind("http://api", "t0ken", retries=NO_RETRIES, transport=transport)}


def by_langchain(api: Api, way: str, **options: Any) -> list[tuple[str, str, dict[str, Any]]]:
    from query.client.langchain import FreshlineRetriever

    retriever = FreshlineRetriever(**clients(api, way), **options)
    found = retriever.invoke("printer") if way == "waiting" else asyncio.run(retriever.ainvoke("printer"))
    return [(one.id or "", one.page_content, one.metadata) for one in found]


def by_llamaindex(api: Api, way: str, **options: Any) -> list[tuple[str, str, dict[str, Any]]]:
    from query.client.llamaindex import FreshlineRetriever

    retriever = FreshlineRetriever(**clients(api, way), **options)
    found = retriever.retrieve("printer") if way == "waiting" else asyncio.run(retriever.aretrieve("printer"))
    assert [one.score for one in found] == [one.metadata["score"] for one in found]
    return [(one.node_id, one.text, one.metadata) for one in found]


@pytest.fixture(params=[by_langchain, by_llamaindex])
def by(request: pytest.FixtureRequest) -> Ask:
    return request.param


@pytest.fixture(params=["waiting", "in a thread", "async client"])
def way(request: pytest.FixtureRequest) -> str:
    return request.param


def replying(answer: Answer) -> Api:
    return Api([json_of(answer)])


def test_hits_become_documents_in_order_with_what_is_known_of_them(by: Ask, way: str) -> None:
    first, second = by(replying(FRESH), way)
    assert first == (
        "wiki/wiki.pages/1#0",
        "The printer is out of toner.",
        {
            "record_id": "wiki/wiki.pages/1",
            "source": "wiki",
            "title": "Printers",
            "url": "https://wiki.example/1",
            "citation": "wiki/wiki.pages/1",
            "commit_ms": 1_800_000_000_000,
            "age_ms": 5000,
            "freshness": 0.8,
            "score": 0.5,
            "position": "0000000000000001.00000000",
            "answer_id": "c" * 32,
            "stale": False,
            "row": {"status": "open"},
        },
    )
    assert second[0] == "wiki/wiki.pages/2#3"


def test_what_failed_at_a_source_is_in_no_document(by: Ask, way: str) -> None:
    assert "boom" not in repr(by(replying(FRESH), way))


def test_options_go_with_every_question(by: Ask) -> None:
    api = replying(FRESH)
    by(api, "waiting", options={"limit": 2, "purpose": "triage"})
    assert api.seen[0].content == b'{"query":"printer","limit":2,"purpose":"triage"}'


def test_options_that_would_always_fail_are_refused_at_once(by: Ask) -> None:
    with pytest.raises(InvalidQuestion, match="colour"):
        by(replying(FRESH), "waiting", options={"colour": "red"})


def test_a_refusal_is_raised_and_is_no_empty_result(by: Ask, way: str) -> None:
    refused = problem_response(PermissionsUnknown())
    with pytest.raises(PermissionsUnknown):
        by(Api([httpx.Response(503, content=bytes(refused.body))]), way)


def test_a_stale_answer_is_raised_naming_the_source(by: Ask, way: str) -> None:
    with pytest.raises(TooStale, match=r"^wiki: further behind"):
        by(replying(STALE), way)


def test_a_stale_answer_is_passed_on_where_that_is_allowed_and_says_so(by: Ask, way: str) -> None:
    ((_, text, metadata),) = by(replying(STALE), way, allow_stale=True)
    assert (text, metadata["stale"]) == ("The printer is out of toner.", True)


def test_a_retriever_without_a_waiting_client_says_so() -> None:
    from query.client.langchain import FreshlineRetriever as Langchain
    from query.client.llamaindex import FreshlineRetriever as Llamaindex

    with pytest.raises(Misconfigured, match="awaited"):
        Langchain().invoke("printer")
    with pytest.raises(Misconfigured, match="awaited"):
        Llamaindex().retrieve("printer")


def test_only_the_citation_of_a_node_goes_into_a_prompt() -> None:
    from llama_index.core.schema import MetadataMode

    from query.client.llamaindex import FreshlineRetriever

    (node, _) = FreshlineRetriever(**clients(replying(FRESH), "waiting")).retrieve("printer")
    assert node.get_content(MetadataMode.LLM) == "citation: wiki/wiki.pages/1\n\nThe printer is out of toner."
    assert node.get_content(MetadataMode.EMBED) == "The printer is out of toner."


def test_the_client_needs_neither_framework() -> None:
    code = "import query.client, sys; sys.exit(any(n.startswith(('langchain', 'llama_index')) for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
