"""Update streams as the API runs them."""

from query.gateway.cursor import Cursors
from query.search import Parts
from query.updates.feed import Feed
from query.updates.places import UpdateCursors
from query.updates.stream import Push
from query.updates.streams import Streams
from query.workers import Workers
from schemas.settings import Settings

THREADS, WAITING = 4, 256


class Updates:
    """`push` is for the route. Call `end_streams` as soon as the server is to stop: open streams would hold it up."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        self._feed = Feed(settings.kafka)
        cursors = UpdateCursors(Cursors(parts.recorder.secret("updates")))
        self.push = Push(parts, self._feed, cursors, Streams(), Workers(THREADS, WAITING))

    def start(self) -> None:
        self._feed.start()

    def end_streams(self) -> None:
        """From any thread, also from a signal's handler."""
        self.push.streams.end()

    def stop(self) -> None:
        self.end_streams()
        self._feed.stop()
        self.push.workers.close()
