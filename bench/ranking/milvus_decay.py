"""Milvus's own decay ranker: similarity × decay, of the rows that a search by similarity has fetched."""

from time import perf_counter

from pymilvus import Function, FunctionType, MilvusClient

from bench.milvus import INDEX
from bench.product import Asked
from bench.ranking.company import NOW_MS
from index.milvus import expression
from index.milvus_schema import Names
from schemas.access import AccessFilter


def best_chunks(
    client: MilvusClient, access: AccessFilter, asked: Asked, half_life_s: float, k: int
) -> tuple[list[str], float]:
    """The k best chunks as Milvus ranks them by one half-life, without a floor; and the milliseconds it took."""
    ranker = Function(
        name="freshness",
        function_type=FunctionType.RERANK,
        input_field_names=["event_ms"],
        params={
            "reranker": "decay",
            "function": "exp",
            "origin": NOW_MS,
            "offset": 0,
            "decay": 0.5,
            "scale": round(half_life_s * 1000),
        },
    )
    began = perf_counter()
    [hits] = client.search(
        Names(INDEX, 1).chunks,
        data=[asked.vector.tolist()],
        anns_field="vector",
        filter=expression(access),
        limit=k,
        output_fields=["chunk_id"],
        ranker=ranker,
        consistency_level="Strong",
        timeout=60.0,
    )
    return [hit["entity"]["chunk_id"] for hit in hits], (perf_counter() - began) * 1000
