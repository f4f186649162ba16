"""Freshline as a LlamaIndex retriever. Needs the extra `llamaindex`.

    retriever = FreshlineRetriever(client=Client(url, token), options={"limit": 5, "max_staleness_seconds": 10})
    retriever.retrieve("overdue invoices")

Who asks is whom the client's token names: one retriever for each person or agent.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from query.client import AsyncClient, Client
from query.client.documents import about, checked, name_of, shown
from schemas.answer import Answer
from schemas.errors import Misconfigured

FOR_THE_MODEL = frozenset({"citation"})
"""What of a node's metadata goes into a prompt; programs see all of it."""


class FreshlineRetriever(BaseRetriever):
    """Hits as nodes with their scores, best first. A refusal is raised as the client raises it, and so is a stale
    answer (TooStale), unless `allow_stale`: then each node's metadata says `stale`.

    `options` are those of schemas.answer.Question. Without `async_client`, `aretrieve` uses `client` in a thread.
    """

    def __init__(
        self,
        client: Client | None = None,
        async_client: AsyncClient | None = None,
        options: Mapping[str, Any] | None = None,
        allow_stale: bool = False,
    ) -> None:
        super().__init__()
        self._client, self._async_client = client, async_client
        self._options, self._allow_stale = checked(options or {}), allow_stale

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if self._client is None:
            raise Misconfigured("this retriever has no `client`, so it can only be awaited")
        return self._nodes(self._client.search(query_bundle.query_str, **self._options))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if self._async_client is None:
            return await asyncio.to_thread(self._retrieve, query_bundle)
        return self._nodes(await self._async_client.search(query_bundle.query_str, **self._options))

    def _nodes(self, answer: Answer) -> list[NodeWithScore]:
        nodes = []
        for hit in shown(answer, self._allow_stale):
            said = about(answer, hit)
            node = TextNode(
                id_=name_of(hit),
                text=hit.text,
                metadata=said,
                excluded_llm_metadata_keys=[name for name in said if name not in FOR_THE_MODEL],
                excluded_embed_metadata_keys=list(said),
            )
            nodes.append(NodeWithScore(node=node, score=hit.score))
        return nodes
