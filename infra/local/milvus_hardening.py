"""What Milvus Lite lacks to be shared: it stops on a failing disk, and its filter cache bears two readers."""

import logging
import os
import threading
from collections import OrderedDict
from typing import Any

from milvus_lite.engine.collection import Collection
from milvus_lite.search.filter import cache as filter_cache_module

STORAGE_FAILED = 70
"""Exit code of a server that stopped itself because it could not write to its disk."""

log = logging.getLogger(__name__)


def harden_engine() -> None:
    """Change the engine's classes in this process, once, before a folder is opened."""
    collection: Any = Collection
    cache_module: Any = filter_cache_module
    cache_module.LRUCache = FilterCache
    if not getattr(collection, "_stops_on_storage_failure", False):
        collection._apply = _stopping_on_failure(collection._apply)
        collection._trigger_flush = _stopping_on_failure(collection._trigger_flush)
        collection._stops_on_storage_failure = True


def _stopping_on_failure(write: Any) -> Any:
    """End the process at once when `write` fails.

    After a failed append the log is torn in its middle. After a failed flush the rows are in no table, and
    the next flush would delete the log that still holds them. A restart replays the log instead.
    """

    def write_or_stop(collection: Any, *args: Any) -> Any:
        try:
            return write(collection, *args)
        except Exception:
            log.critical(
                "collection %s could not be written to disk. Stopping, so that nothing acknowledged is lost: "
                "free disk space or mend the disk, then start again",
                collection.name,
                exc_info=True,
            )
            logging.shutdown()
            os._exit(STORAGE_FAILED)

    return write_or_stop


class FilterCache:
    """Compiled filters by text; safe for concurrent readers, unlike the engine's own cache.

    Keeps the 32 used last, not 256 as the engine does: one filter may list ten thousand labels.
    """

    SIZE = 32

    def __init__(self, maxsize: int = SIZE) -> None:
        self._size = min(maxsize, self.SIZE)
        self._entries: OrderedDict[Any, Any] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Any) -> Any:
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: Any, value: Any) -> None:
        with self._lock:
            self._entries[key] = value
            self._entries.move_to_end(key)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
