"""The whole flow of the stream job, top to bottom. What each step does is in its own file.

    raw topics ─▸ intake: decode ▸ describe ▸ permit ─▸ freshline.changes ─▸ indexing: dedupe ▸ chunk ▸ embed ▸ upsert
                    ├▸ freshline.labels · freshline.relations                   └▸ Milvus
                    └▸ freshline.dead-letters ◂──────────────────────────────────┤ (what cannot be applied)
                                                      freshline.updates ◂─────────┘ (what just became visible)
    beats ─▸ progress: once all before a beat is in the index ─▸ freshline.progress

Nothing is acknowledged before what came from it is safe: in Kafka for intake, in Milvus for indexing.
"""

from functools import partial

import faust

from schemas.settings import Settings
from schemas.topics import CHANGES
from streams.batches import acknowledge, batches, now_ms, persist, raw_event
from streams.job import Job
from streams.progress import Tracker
from streams.send import Send, sender


def wire(app: faust.App, job: Job, tracker: Tracker, settings: Settings) -> None:
    """Attach the job's agents to a Faust app."""
    send = sender(app)
    size, wait = settings.batch_size, settings.batch_wait

    def topic(*names: str) -> faust.TopicT:
        return app.topic(*names, key_serializer="raw", value_serializer="raw", key_type=bytes, value_type=bytes)

    @app.agent(topic(*job.raw_topics), name="intake")
    async def intake(stream: faust.StreamT[bytes]) -> None:
        async for events in batches(stream, size, wait):
            raws = [raw_event(event) for event in events]
            await persist("intake", partial(job.take, raws, send))
            acknowledge(events)

    @app.agent(topic(CHANGES), name="indexing")
    async def indexing(stream: faust.StreamT[bytes]) -> None:
        async for events in batches(stream, size, wait):
            raws = [raw_event(event) for event in events]
            await persist("indexing", partial(job.index, raws, send))
            acknowledge(events)

    @app.agent(topic(*job.beats), name="progress")
    async def progress(stream: faust.StreamT[bytes]) -> None:
        async for events in batches(stream, size, wait):
            job.note_beats([raw_event(event) for event in events])
            acknowledge(events)

    for source in job.beats.values():
        app.task(partial(_follow, app, tracker, source, send))


async def _follow(app: faust.App, tracker: Tracker, source: str, send: Send) -> None:
    while not app.should_stop:
        await persist(f"progress of {source}", partial(tracker.follow, source, send, now_ms))
