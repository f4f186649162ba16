"""Sends what is due: several webhooks at once, each by itself, in an event loop of its own thread."""

import asyncio
import logging
import threading
from itertools import groupby

from query.clock import Clock
from query.webhooks.attempt import Attempts, Ready
from query.webhooks.sending import NotDelivered, Sender
from query.webhooks.store import Due, WebhookStore
from query.workers import Workers
from schemas.errors import FreshlineError

AT_ONCE = 32
"""Webhooks."""
LOOK_S = 0.1
STOP_S = 3.0
"""For what is under way when it is to stop; the rest is due again after its lease."""
RETRY_S = 1.0
LEASE_MS = 60_000
"""What a process took and did not settle, because it died, is due again after this; longer than an attempt of all."""
FORGET_S = 3600.0
DAY_MS = 24 * 3600 * 1000
DONE_MS, DEAD_MS = 8 * DAY_MS, 30 * DAY_MS
log = logging.getLogger("freshline.query")


class Dispatcher:
    """`start` and `stop` from outside; `step` and `idle` for who drives it by hand."""

    def __init__(self, store: WebhookStore, attempts: Attempts, sender: Sender, clock: Clock) -> None:
        self._store, self._attempts, self._sender, self._clock = store, attempts, sender, clock
        self._workers = Workers(threads=2, waiting=4 * AT_ONCE)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.run()), name="webhooks", daemon=True)
        self._busy: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S + 1)
        self._workers.close()

    async def run(self) -> None:
        """Until told to stop."""
        forget_at = 0.0
        while not self._stopping.is_set():
            try:
                if self._clock().steady >= forget_at:
                    forget_at = self._clock().steady + FORGET_S
                    await self._workers.run(self._forget)
                took = await self.step()
            except FreshlineError as error:
                log.error("webhooks wait: %s", error)
                took = False
                await asyncio.sleep(RETRY_S)
            except Exception as error:  # nobody restarts this thread; what is due stays due
                log.error("webhooks wait: %s", type(error).__name__)
                took = False
                await asyncio.sleep(RETRY_S)
            if not took:
                await asyncio.sleep(LOOK_S)
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=STOP_S)

    async def step(self) -> bool:
        """Begin to send what is due now; whether there was anything. Returns before it is sent."""
        free = AT_ONCE - len(self._busy)
        if free <= 0:
            return False
        now_ms = self._clock().wall_ms
        due = await self._workers.run(self._store.take, now_ms, LEASE_MS, 4 * free, list(self._busy))
        due.sort(key=lambda one: one.webhook)
        for webhook, group in groupby(due, key=lambda one: one.webhook):
            task = asyncio.create_task(self._one_by_one(list(group)))
            self._busy[webhook] = task
            task.add_done_callback(lambda _, webhook=webhook: self._busy.pop(webhook, None))  # type: ignore[misc]
        return bool(due)

    async def idle(self) -> None:
        """Return when what was begun has ended."""
        await asyncio.gather(*list(self._busy.values()))

    async def _one_by_one(self, due: list[Due]) -> None:
        """After a failure the rest of a webhook's deliveries wait for its next try."""
        for one in due:
            try:
                ready = await self._workers.run(self._attempts.prepare, one)
                if ready is not None and not await self._sent(ready):
                    return
            except FreshlineError as error:
                log.error("a webhook's delivery waits: %s", error)
                return
            except Exception as error:  # words not ours may hold what was to be sent
                log.error("a webhook's delivery failed: %s", type(error).__name__)
                await self._broken(one)

    async def _sent(self, ready: Ready) -> bool:
        try:
            await self._sender.post(ready.url, ready.headers, ready.body)
        except NotDelivered as failure:
            await self._workers.run(self._attempts.failed, ready.due, failure.error, is_gone=failure.is_gone)
            return False
        await self._workers.run(self._attempts.delivered, ready.due)
        return True

    async def _broken(self, due: Due) -> None:
        try:
            await self._workers.run(self._attempts.broken, due)
        except FreshlineError as error:
            log.error("a webhook's delivery waits: %s", error)

    def _forget(self) -> None:
        now_ms = self._clock().wall_ms
        self._store.forget(now_ms - DONE_MS, now_ms - DEAD_MS)
