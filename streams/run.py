"""Starting the stream job: a worker alone, or under a supervisor that keeps it at work; and a rebuild beside it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import faust

from connectors.kafka_admin import KafkaAdmin
from connectors.kafka_offsets import KafkaOffsets
from connectors.kafka_writer import KafkaWriter
from schemas.contract import Contract
from schemas.errors import Unavailable
from schemas.garbage import spare_garbage
from schemas.settings import Settings
from schemas.topics import CHANGES
from streams.change_log import ChangeLog
from streams.indexes import Indexes
from streams.rebuild import Progress, Rebuild
from streams.send import Message
from streams.supervise import end_with, supervise
from streams.worker import build

STALL_S = 180.0
"""A backlog without a commit for so long is a standstill: longer than any batch takes, or Kafka's session."""


def run_alone(settings: Settings, contracts: Sequence[Contract], supervisor: int) -> None:
    """Run one worker until SIGTERM or SIGINT, which end the process, or its supervisor has gone (0 = it has none).

    Raises what keeps it from starting.
    """
    _log_to_stderr()
    if supervisor:
        end_with(supervisor)
    app = build(settings, contracts)
    spare_garbage()
    faust.Worker(app, override_logging=False, redirect_stdouts=False, quiet=True).execute_from_commandline()


def run_supervised(settings: Settings, contracts: Sequence[Contract], command: Sequence[str]) -> int:
    """Keep a worker (`command`) running until SIGTERM or SIGINT. Returns the exit code."""
    _log_to_stderr()
    offsets = KafkaOffsets(settings.kafka, settings.group)
    topics = [CHANGES, *(topic for contract in contracts for topic in contract.raw_topics())]

    def backlog() -> tuple[int, int] | None:
        try:
            ends, begins = offsets.end_offsets(topics), offsets.begin_offsets(topics)
            committed = offsets.committed(topics)
        except Unavailable:
            return None
        waiting = sum(max(0, end - max(begins.get(p, 0), committed.get(p, 0))) for p, end in ends.items())
        return waiting, sum(committed.values())

    return supervise(command, backlog, STALL_S)


@contextmanager
def opened_rebuild(settings: Settings, progress: Progress) -> Iterator[Rebuild]:
    """A rebuild on the real parts."""
    _log_to_stderr()
    changes, writer = ChangeLog(settings.kafka, settings.group), KafkaWriter(settings.kafka)

    def send(messages: Sequence[Message]) -> None:
        for message in messages:
            writer.write((message.topic, message.partition or 0), message.key, message.value)
        writer.acknowledged()

    try:
        # A new client each time: one that has seen an outage does not recover.
        yield Rebuild(
            Indexes(settings), changes, lambda: KafkaAdmin(settings.kafka).members(settings.group), send, progress
        )
    finally:
        changes.close()


def _log_to_stderr() -> None:
    """Our own lines; of the libraries warnings, and of aiokafka nothing: while Kafka is away it says so 20 times a
    second, and what matters to a batch comes back as an error of the call."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("faust", "mode"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
