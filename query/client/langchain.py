"""Freshline as a LangChain retriever. Needs the extra `langchain`.

    retriever = FreshlineRetriever(client=Client(url, token), options={"limit": 5, "max_staleness_seconds": 10})
    retriever.invoke("overdue invoices")

Who asks is whom the client's token names: one retriever for each person or agent.
"""

from typing import Annotated, Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import AfterValidator, ConfigDict, Field, SkipValidation

from query.client import AsyncClient, Client
from query.client.documents import about, checked, name_of, shown
from schemas.answer import Answer
from schemas.errors import Misconfigured


class FreshlineRetriever(BaseRetriever):
    """Hits as documents, best first. A refusal is raised as the client raises it, and so is a stale answer (TooStale).

    `options` are those of schemas.answer.Question. Without `async_client`, `ainvoke` uses `client` in a thread.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")

    client: SkipValidation[Client | None] = None
    async_client: SkipValidation[AsyncClient | None] = None
    options: Annotated[dict[str, Any], AfterValidator(checked)] = Field(default_factory=dict)
    allow_stale: bool = False
    """Pass on what is further behind than the question allows; each document's metadata then says `stale`."""

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002
    ) -> list[Document]:
        if self.client is None:
            raise Misconfigured("this retriever has no `client`, so it can only be awaited")
        return self._documents(self.client.search(query, **self.options))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        if self.async_client is None:
            return await super()._aget_relevant_documents(query, run_manager=run_manager)
        return self._documents(await self.async_client.search(query, **self.options))

    def _documents(self, answer: Answer) -> list[Document]:
        hits = shown(answer, self.allow_stale)
        return [Document(id=name_of(hit), page_content=hit.text, metadata=about(answer, hit)) for hit in hits]
