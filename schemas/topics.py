"""The topic map: every Kafka topic Freshline reads or writes, named in one place."""

from typing import Final, Literal, get_args

Topic = Literal[
    "freshline.changes",
    "freshline.labels",
    "freshline.relations",
    "freshline.progress",
    "freshline.tables",
    "freshline.dead-letters",
]

CHANGES: Final = "freshline.changes"
"""The canonical change of each record, keyed by record id. Compacted: the index can be rebuilt from it."""
LABELS: Final = "freshline.labels"
"""Label definitions, keyed by label id. Compacted."""
RELATIONS: Final = "freshline.relations"
"""What each granting row grants now, keyed by that row's record id. Compacted, one partition: a total order."""
PROGRESS: Final = "freshline.progress"
"""How far each source is searchable, keyed by source. Compacted."""
TABLES: Final = "freshline.tables"
"""Whether each table is captured or has stopped, keyed by raw topic. Compacted."""
DEAD_LETTERS: Final = "freshline.dead-letters"
"""What could not be applied, keyed by its origin. Compacted: a letter stays until a tombstone settles it."""

INTERNAL: Final[tuple[str, ...]] = get_args(Topic)
COMPACTED: Final = frozenset({CHANGES, LABELS, RELATIONS, PROGRESS, DEAD_LETTERS})
SINGLE_PARTITION: Final = frozenset({LABELS, RELATIONS, PROGRESS, DEAD_LETTERS})


LARGEST_ROW = 16 * 1024 * 1024
"""Bytes of a raw message, at most: a row as Debezium writes it. A larger one stops its connector."""
LARGEST_KEPT = 8 * 1024 * 1024
"""Bytes of an original that a dead letter holds itself; it names the place of a larger one."""
LARGEST_MESSAGE = 12 * 1024 * 1024
"""Bytes of a message of ours, at most: a dead letter holds its original in base64, a third larger."""


def raw_topic(source: str, table: str) -> str:
    """Where Debezium writes the rows of `table` (`schema.table`): topic prefix = source name."""
    return f"{source}.{table}"


def beat_topic(source: str) -> str:
    """Where Debezium writes the logical messages of a source: our heartbeat, written through its WAL."""
    return f"{source}.message"
