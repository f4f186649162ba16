"""Waiting for freshness: in the event loop, woken by progress, bounded in time and in number."""

import asyncio
from collections import Counter
from contextlib import suppress

from query.asker import Asker, Mandate
from query.authorize import Grounds
from query.clock import Clock
from query.freshness.demands import unmet
from query.gateway.refusals import TenantBusy
from query.workers import SHARE as TENANTS_SHARE
from query.workers import Busy
from schemas.answer import Question
from schemas.errors import InvalidQuestion

MOST = 64
"""Questions that wait at once; one tenant's are no more than its share."""
SHARE = 0.7
"""Of a request's time limit: what is left is for the answer."""


class Waits:
    """For one event loop. `request_timeout_s`: the time limit of a whole request, waiting included."""

    def __init__(self, grounds: Grounds, clock: Clock, request_timeout_s: float, most: int = MOST) -> None:
        self._grounds = grounds
        self._clock = clock
        self._longest_s = SHARE * request_timeout_s
        self._most = most
        self._waiting = Counter[str]()

    async def wait_for(self, asker: Asker, question: Question) -> None:
        """Return when what the question waits for is there, or its `wait_seconds` are over, or it is not usable.

        It refuses nothing: that does the answer, which is on record. Raises Busy or TenantBusy when too many wait.
        """
        if not question.after and question.on_stale != "wait":
            return
        tenant, mandate = asker.principal.tenant, asker.mandate
        if question.wait_seconds == 0 or self._met(mandate, question):
            return
        if self._waiting.total() >= self._most:
            raise Busy()
        if self._waiting[tenant] >= max(1, int(TENANTS_SHARE * self._most)):
            raise TenantBusy()
        self._waiting[tenant] += 1
        try:
            async with asyncio.timeout(min(question.wait_seconds, self._longest_s)):
                await self._until_met(mandate, question)
        except TimeoutError:
            return
        finally:
            self._waiting -= Counter({tenant: 1})

    async def _until_met(self, mandate: Mandate, question: Question) -> None:
        loop, news = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(news.set)

        with self._grounds.view.waking(wake):
            while not self._met(mandate, question):
                await news.wait()
                news.clear()

    def _met(self, mandate: Mandate, question: Question) -> bool:
        # What is to be waited for: staleness that ends in a refusal without waiting is not.
        waiting = question if question.on_stale == "wait" else question.model_copy(update={"on_stale": "flag"})
        try:
            return not unmet(self._grounds, mandate, waiting, self._clock().wall_ms)
        except InvalidQuestion:
            return True
