"""LlamaIndex: an ingestion pipeline with a document store, which upserts what has changed, fed from a Kafka loop."""

import json
from typing import Any

from confluent_kafka import Consumer
from llama_index.core import Document
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.vector_stores.milvus import MilvusVectorStore
from pydantic import PrivateAttr
from rival_kit import DIMENSION, METADATA, Embedder, contest

BATCH, WAIT_S = 256, 0.1
CHUNK_TOKENS = 256
"""Of its own tokenizer; about as much as the model reads."""


class Shared(BaseEmbedding):
    """The model that every rival uses, as this library wants it."""

    _embedder: Embedder = PrivateAttr()

    def __init__(self, embedder: Embedder) -> None:
        super().__init__()
        self._embedder = embedder

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._embedder.embed(texts)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._embedder.embed([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


def document(row: dict[str, Any]) -> Document:
    """The row's text, alone, is embedded; the other columns are metadata."""
    found = Document(doc_id=str(row["id"]), text=row["body"], metadata={name: row[name] for name in METADATA})
    found.excluded_embed_metadata_keys = found.excluded_llm_metadata_keys = list(METADATA)
    return found


def main() -> None:
    with contest() as (place, embedder):
        store = MilvusVectorStore(
            uri=place.milvus,
            token=place.token,
            collection_name=place.collection,
            dim=DIMENSION,
            similarity_metric="COSINE",
            index_config={"index_type": "FLAT"},
            overwrite=False,
        )
        documents = SimpleDocumentStore()
        pipeline = IngestionPipeline(
            transformations=[
                SentenceSplitter(chunk_size=CHUNK_TOKENS, chunk_overlap=0),
                Shared(embedder),
            ],
            docstore=documents,
            docstore_strategy=DocstoreStrategy.UPSERTS,
            vector_store=store,
        )
        consumer = Consumer(place.consumer())
        consumer.subscribe([place.topic])
        while True:
            messages = [message for message in consumer.consume(BATCH, WAIT_S) if message.error() is None]
            changed: dict[str, Document | None] = {}
            for message in messages:
                event = json.loads(message.value()) if message.value() is not None else {}
                if event.get("op") in ("c", "r", "u"):
                    changed[str(event["after"]["id"])] = document(event["after"])
                elif event.get("op") == "d":
                    changed[str(event["before"]["id"])] = None
            for record in [record for record, found in changed.items() if found is None]:
                store.delete(record)
                documents.delete_document(record, raise_error=False)
            if given := [found for found in changed.values() if found is not None]:
                pipeline.run(documents=given)
            if messages:
                consumer.commit(asynchronous=False)


if __name__ == "__main__":
    main()
