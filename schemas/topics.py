"""The topic map: every Kafka topic Freshline reads or writes, named in one place."""

import re
from typing import Final, Literal, get_args

Topic = Literal[
    "freshline.changes",
    "freshline.labels",
    "freshline.relations",
    "freshline.progress",
    "freshline.tables",
    "freshline.dead-letters",
    "freshline.revocations",
    "freshline.decisions",
    "freshline.updates",
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
REVOCATIONS: Final = "freshline.revocations"
"""Tokens that count no more, keyed by revocation id. Compacted, one partition."""
DECISIONS: Final = "freshline.decisions"
"""The decision log's evidence (envelopes, seals, signed heads; nothing personal), keyed by tenant. Kept for ever, not
compacted, one partition: the order of the log."""
UPDATES: Final = "freshline.updates"
"""What just became visible, keyed by record id: names of versions, no content. Kept for a week."""

INTERNAL: Final[tuple[str, ...]] = get_args(Topic)
COMPACTED: Final = frozenset({CHANGES, LABELS, RELATIONS, PROGRESS, TABLES, DEAD_LETTERS, REVOCATIONS})
SINGLE_PARTITION: Final = frozenset({LABELS, RELATIONS, PROGRESS, TABLES, DEAD_LETTERS, DECISIONS, REVOCATIONS})


_NOT_IN_TOPICS = re.compile(r"[^A-Za-z0-9._-]")

LARGEST_ROW = 16 * 1024 * 1024
"""Bytes of a raw message, at most: a row as Debezium writes it. A larger one stops its connector."""
LARGEST_KEPT = 8 * 1024 * 1024
"""Bytes of an original that a dead letter holds itself; it names the place of a larger one."""
LARGEST_MESSAGE = 12 * 1024 * 1024
"""Bytes of a message of ours, at most: a dead letter holds its original in base64, a third larger."""


OUTBOX_TYPE: Final = "eventType"
"""The header that carries the type of an outbox's event."""


def raw_topic(source: str, table: str) -> str:
    """Where Debezium writes the rows of `table` (`schema.table`): topic prefix = source name.

    It writes `_` for what a topic's name must not hold; Java counts a character beyond 16 bits as two.
    """
    return _NOT_IN_TOPICS.sub(lambda found: "__" if found[0] > "\uffff" else "_", f"{source}.{table}")


def worker_client(pid: int) -> str:
    """By what name the worker with this process id is known to Kafka, so that a dead one is not taken for it."""
    return f"freshline-{pid}"


def beat_prefix(source: str) -> str:
    """The prefix of a source's heartbeat among the logical messages of its log: exactly this one is listened to."""
    return f"freshline.{source}"


def beat_topic(source: str) -> str:
    """Where Debezium writes the logical messages of a source: our heartbeat, written through its WAL."""
    return f"{source}.message"
