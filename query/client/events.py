"""Server-sent events out of bytes as they come, in whatever pieces (the WHATWG HTML standard, section 9.2)."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from io import IncrementalNewlineDecoder

from schemas.errors import Unavailable

MOST_CHARACTERS = 4_000_000
"""Of one event; a stream that is no stream of ours ends here."""


@dataclass(frozen=True, slots=True)
class Event:
    """`id`: the last one given so far, with this event or an earlier one."""

    id: str
    name: str
    data: str


class EventReader:
    """The events of one connection; `last_id` is what the one before ended with."""

    def __init__(self, last_id: str = "") -> None:
        utf8 = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._decoder = IncrementalNewlineDecoder(utf8, translate=True)
        self.last_id = last_id
        """Of the last event that came whole: where to go on from."""
        self._id, self._rest = last_id, ""
        self._name, self._data, self._size = "", list[str](), 0

    def feed(self, part: bytes) -> Iterator[Event]:
        """The events that end in this part. Raises Unavailable for one that is too long."""
        *lines, self._rest = (self._rest + str(self._decoder.decode(part))).split("\n")
        for line in lines:
            self._size += len(line)
            if line:
                self._take(line)
            else:
                yield from self._ended()
        if self._size + len(self._rest) > MOST_CHARACTERS:
            raise Unavailable("the API", f"it sent an event of more than {MOST_CHARACTERS} characters")

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value

    def _ended(self) -> Iterator[Event]:
        name, data = self._name or "message", self._data
        self._name, self._data, self._size = "", [], 0
        self.last_id = self._id
        if data:
            yield Event(self._id, name, "\n".join(data))
