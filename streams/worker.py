"""The worker: the job composed from real parts, as a Faust app."""

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import faust

from connectors.acknowledged import Acknowledged
from connectors.connect_api import ConnectApi
from connectors.kafka_admin import KafkaAdmin
from connectors.kafka_offsets import KafkaOffsets
from connectors.table_states import stopped
from schemas.contract import Contract
from schemas.errors import IndexUnavailable, Misconfigured, Unavailable
from schemas.settings import Settings
from schemas.topics import CHANGES, INTERNAL, LARGEST_MESSAGE, worker_client
from streams.batches import start_again
from streams.flow import wire
from streams.frozen import Awake, stay_awake
from streams.indexes import Indexes
from streams.intake import tables_by_topic
from streams.job import Job
from streams.live_indexer import LiveIndexer
from streams.progress import Tracker
from streams.raw_topic import RawTopics
from streams.taking import Taking

COMMIT_INTERVAL = 0.2
"""Seconds between offset commits; the watermark cannot be newer."""

SESSION = 10.0
"""Seconds without a heartbeat after which Kafka gives a dead worker's partitions to another."""
FETCHED = 128 * 1024
"""Bytes of one partition that are read at a time, a single larger message apart. What was read of all topics is handed
out before more is: so of a backlog of raw events little enough that indexing need not wait for the rest of it."""
HISTORY_EVERY = 60.0
"""Seconds between looks at which past is to be kept, and which is old enough to go."""
STATES_EVERY = 5.0
"""Seconds between looks at which tables have stopped."""
PAUSES_EVERY = 0.25
"""Seconds between looks whether the index is asked to pause."""
ANSWER_LIMIT = 3.0
"""Seconds for one question to Kafka about offsets; after an outage the next try is soon."""

log = logging.getLogger(__name__)


def build(settings: Settings, contracts: Sequence[Contract]) -> faust.App:
    """Compose the job. Raises Misconfigured for missing topics or a model that is not here, Unavailable when a part is
    away."""
    offsets = KafkaOffsets(settings.kafka, settings.group, ANSWER_LIMIT)
    _require_topics(offsets, contracts)
    kafka = KafkaAdmin(settings.kafka, ANSWER_LIMIT)
    halted = stopped(kafka, contracts)
    indexes = Indexes(settings, contracts)
    indexes.first()
    tables = {topic: table for topic, table in tables_by_topic(contracts).items() if topic not in halted}
    partitions = offsets.topics()[CHANGES]
    taking = Taking(tables, RawTopics(settings.kafka, ANSWER_LIMIT), settings.max_text_bytes, partitions)
    tracker = Tracker(
        offsets,
        {c.source: [topic for topic in c.raw_topics() if topic not in halted] for c in contracts},
        Acknowledged(ConnectApi(settings.connect_url, ANSWER_LIMIT)),
        poll=COMMIT_INTERVAL,
        stopped={c.source: [s.table for s in halted.values() if s.source == c.source] for c in contracts},
    )
    app = _app(settings)
    indexer = LiveIndexer(indexes.generations, indexes.open, partial(_assigned, app))
    beats = {contract.beat_topic: contract.source for contract in contracts}
    job = Job(beats, taking, indexer, tracker)
    wire(app, job, tracker, settings)
    stay_awake(Awake(SESSION / 2))
    app.task(partial(_heed_pauses, app, indexer))
    app.task(partial(_tend_history, app, indexes))
    app.task(partial(_begin_again_when, app, lambda: stopped(kafka, contracts).keys() != halted.keys()))
    return app


def _assigned(app: faust.App) -> set[int]:
    """The partitions of freshline.changes that this worker reads now."""
    return {place.partition for place in app.consumer.assignment() if place.topic == CHANGES}


async def _heed_pauses(app: faust.App, indexer: LiveIndexer) -> None:
    """Agree to pauses of the index also while there is nothing to apply."""
    while not app.should_stop:
        await asyncio.sleep(PAUSES_EVERY)
        try:
            await asyncio.to_thread(indexer.look)
        except IndexUnavailable:
            continue


async def _tend_history(app: faust.App, indexes: Indexes) -> None:
    """See `Indexes.tend_history`."""
    while not app.should_stop:
        try:
            await asyncio.to_thread(indexes.tend_history)
        except IndexUnavailable as error:
            log.warning("the history could not be tended: %s", error)
        await app.sleep(HISTORY_EVERY)


async def _begin_again_when(app: faust.App, changed: Callable[[], bool]) -> None:
    """End the worker when another set of tables is to be read; its supervisor starts it again."""
    while not app.should_stop:
        await asyncio.sleep(STATES_EVERY)
        try:
            if await asyncio.to_thread(changed):
                start_again("another set of tables is to be read")
        except Unavailable:
            continue


def _app(settings: Settings) -> faust.App:
    """A Faust app that makes no topics of its own and commits often; offsets are ours to acknowledge."""
    return faust.App(
        settings.group,
        broker=f"kafka://{settings.kafka}",
        broker_client_id=worker_client(os.getpid()),
        datadir=str(Path(settings.home) / "faust"),
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=COMMIT_INTERVAL,
        broker_session_timeout=SESSION,
        broker_heartbeat_interval=SESSION / 4,
        consumer_max_fetch_size=FETCHED,
        stream_wait_empty=True,
        stream_buffer_maxsize=2 * settings.batch_size,  # what is read ahead of a part that is away; then reading pauses
        producer_linger=0.0,
        producer_request_timeout=SESSION * 0.8,  # what could not be sent for so long is not sent behind another's back
        producer_max_request_size=LARGEST_MESSAGE,
        loghandlers=[],
    )


def _require_topics(offsets: KafkaOffsets, contracts: Sequence[Contract]) -> None:
    wanted = {*INTERNAL, *(t for c in contracts for t in (*c.raw_topics(), c.beat_topic))}
    missing = sorted(wanted - offsets.topics().keys())
    if missing:
        raise Misconfigured(f"these topics do not exist yet: {', '.join(missing)}; run: freshline sources apply")
