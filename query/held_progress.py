"""Progress that waits until the labels and relations it counts on are in the view."""

from collections.abc import Mapping

from schemas.progress import Progress


class HeldProgress:
    """A watermark is claimed only by a view that has all permissions of that time.

    Progress comes on a topic of its own, so it may be read before the grants that were sent before it.
    """

    def __init__(self) -> None:
        self._waiting: list[Progress] = []

    def hold(self, progress: Progress) -> None:
        self._waiting.append(progress)

    def ready(self, read: Mapping[tuple[str, int], int]) -> list[Progress]:
        """The newest of each source that may be claimed now. `read`: everything before these offsets is in the view.

        What came before it is forgotten, read or not: the topics may have been made anew, with other offsets.
        """
        ready: dict[str, Progress] = {}
        waiting: list[Progress] = []
        for progress in reversed(self._waiting):
            if progress.source in ready:
                continue
            if _is_read(progress, read):
                ready[progress.source] = progress
            else:
                waiting.append(progress)
        self._waiting = waiting[::-1]
        return list(ready.values())


def _is_read(progress: Progress, read: Mapping[tuple[str, int], int]) -> bool:
    return all(
        read.get((topic, partition), 0) >= offset
        for topic, partitions in progress.grants.items()
        for partition, offset in partitions.items()
    )
