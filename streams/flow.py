"""The whole flow of the stream job, top to bottom. What each step does is in its own file.

    raw topics ─▸ intake: decode ▸ describe ▸ permit ─▸ freshline.changes ─▸ indexing: dedupe ▸ chunk ▸ embed ▸ upsert
                    ├▸ freshline.labels · freshline.relations                   └▸ Milvus
                    └▸ freshline.dead-letters ◂──────────────────────────────────┤ (what cannot be applied)
                                                      freshline.updates ◂─────────┘ (what just became visible)
    beats ─▸ progress: once all before a beat is in the index ─▸ freshline.progress

Nothing is acknowledged before what came from it is safe: in Kafka for intake, in Milvus for indexing.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

import faust

from schemas.settings import Settings
from schemas.topics import CHANGES
from streams.batches import Event, acknowledge, batches, give_up, now_ms, persist, raw_event
from streams.job import Job
from streams.progress import Tracker
from streams.send import Send, sender

AT_ONCE = 3
"""Batches of changes in hand: one is written, one embedded, and of one is looked up what the index holds of it."""
FEW = 4
"""A batch below one part in so many of the largest is done before the next is taken: under a steady load each change
would else wait for several small batches, and each of these costs as much as one."""


def wire(app: faust.App, job: Job, tracker: Tracker, settings: Settings) -> None:
    """Attach the job's agents to a Faust app."""
    send = sender(app)
    size = settings.batch_size

    def topic(*names: str) -> faust.TopicT:
        return app.topic(*names, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes)

    @app.agent(topic(*job.raw_topics), name="intake")
    async def intake(stream: faust.StreamT[bytes]) -> None:
        async for events in batches(stream, size):
            raws = [raw_event(event) for event in events]
            await persist("intake", partial(job.take, raws, send))
            acknowledge(events)

    @app.agent(topic(CHANGES), name="indexing")
    async def indexing(stream: faust.StreamT[bytes]) -> None:
        room, before = asyncio.Semaphore(AT_ONCE), None
        async for events in batches(stream, size):
            await room.acquire()
            before = asyncio.create_task(_index(job, events, send, before))
            before.add_done_callback(lambda _: room.release())
            if len(events) < size // FEW:
                await asyncio.wait([before])

    @app.agent(topic(*job.beats), name="progress")
    async def progress(stream: faust.StreamT[bytes]) -> None:
        async for events in batches(stream, size):
            job.note_beats([raw_event(event) for event in events])
            acknowledge(events)

    for source in job.beats.values():
        app.task(partial(_follow, app, tracker, source, send))


async def _index(job: Job, events: Sequence[Event], send: Send, before: asyncio.Task[None] | None) -> None:
    """Index a batch when that before it is done; until then have it embedded, so that the cores need not wait.

    Ends the worker where it is not done: what came after it must not be taken as if it were.
    """
    try:
        raws = [raw_event(event) for event in events]
        if before is not None:
            if not before.done():
                await job.foresee(raws)
            await before  # also if it is done: if it was cancelled, this one is, too
        await persist("indexing", partial(job.index, raws, send))
        acknowledge(events)
    except Exception:
        give_up("indexing")


async def _follow(app: faust.App, tracker: Tracker, source: str, send: Send) -> None:
    while not app.should_stop:
        await persist(f"progress of {source}", partial(tracker.follow, source, send, now_ms))
