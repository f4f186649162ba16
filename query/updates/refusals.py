"""Refusals of who waits for updates."""

from schemas.errors import NotAvailable, Refused


class CursorExpired(Refused):
    """What came after this cursor is no longer kept; begin again without it, and search for what was missed."""

    code = "cursor_expired"
    status = 410


class TooManyStreams(Refused):
    """You have as many update streams open as one asker may; close one first."""

    code = "too_many_streams"
    status = 429


class StreamsBusy(NotAvailable):
    """This server has as many update streams open as it may; try again later, or another server."""

    code = "streams_busy"


class UpdatesUnavailable(NotAvailable):
    """What changes is not known here now; try again later."""

    code = "updates_unavailable"
