"""The worker: the job composed from real parts, as a Faust app."""

from collections.abc import Sequence
from pathlib import Path

import faust

from connectors.kafka_offsets import KafkaOffsets
from index.milvus import MilvusStore
from index.models.load import load_embedder
from schemas.contract import Contract
from schemas.errors import Misconfigured
from schemas.settings import Settings, read_secret
from schemas.topics import INTERNAL, LARGEST_MESSAGE
from streams.flow import wire
from streams.indexing import Indexer
from streams.job import Job
from streams.progress import Tracker

COMMIT_INTERVAL = 0.2
"""Seconds between offset commits; the watermark cannot be newer."""

SESSION = 10.0
"""Seconds without a heartbeat after which Kafka gives a dead worker's partitions to another."""
ANSWER_LIMIT = 3.0
"""Seconds for one question to Kafka about offsets; after an outage the next try is soon."""


def build(settings: Settings, contracts: Sequence[Contract]) -> faust.App:
    """Compose the job. Raises Misconfigured for missing topics or another model, Unavailable when a part is away."""
    offsets = KafkaOffsets(settings.kafka, settings.group, ANSWER_LIMIT)
    _require_topics(offsets, contracts)
    embedder = load_embedder(settings.model, settings.home, settings.cores)
    store = MilvusStore(settings.milvus_uri, read_secret(settings.milvus_token_file), settings.collection)
    store.open(embedder.spec)
    raw_topics = {contract.source: list(contract.raw_topics()) for contract in contracts}
    tracker = Tracker(offsets, raw_topics, poll=COMMIT_INTERVAL)
    app = _app(settings)
    wire(app, Job(contracts, Indexer(store, embedder), tracker, settings.max_text_bytes), tracker, settings)
    return app


def _app(settings: Settings) -> faust.App:
    """A Faust app that makes no topics of its own and commits often; offsets are ours to acknowledge."""
    return faust.App(
        settings.group,
        broker=f"kafka://{settings.kafka}",
        datadir=str(Path(settings.home) / "faust"),
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=COMMIT_INTERVAL,
        broker_session_timeout=SESSION,
        broker_heartbeat_interval=SESSION / 4,
        stream_wait_empty=True,
        producer_linger=0.0,
        producer_max_request_size=LARGEST_MESSAGE,
        loghandlers=[],
    )


def _require_topics(offsets: KafkaOffsets, contracts: Sequence[Contract]) -> None:
    wanted = {*INTERNAL, *(t for c in contracts for t in (*c.raw_topics(), c.beat_topic))}
    missing = sorted(wanted - offsets.topics().keys())
    if missing:
        raise Misconfigured(f"these topics do not exist yet: {', '.join(missing)}; run: freshline sources apply")
