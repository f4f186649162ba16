"""Starting the stream job: a worker alone, or under a supervisor that keeps it at work."""

import logging
from collections.abc import Sequence

import faust

from connectors.kafka_admin import KafkaAdmin
from schemas.contract import Contract
from schemas.errors import NotAvailable, Unavailable
from schemas.settings import Settings
from schemas.topics import CHANGES
from streams.supervise import supervise
from streams.worker import build

STALL_S = 180.0
"""A backlog without a commit for so long is a standstill: longer than any batch takes, or Kafka's session."""


def run_alone(settings: Settings, contracts: Sequence[Contract]) -> None:
    """Run one worker until SIGTERM or SIGINT, which end the process. Raises what keeps it from starting."""
    _log_to_stderr()
    app = build(settings, contracts)
    faust.Worker(app, override_logging=False, redirect_stdouts=False, quiet=True).execute_from_commandline()


def run_supervised(settings: Settings, contracts: Sequence[Contract], command: Sequence[str]) -> int:
    """Keep a worker (`command`) running until SIGTERM or SIGINT. Returns the exit code."""
    _log_to_stderr()
    admin = KafkaAdmin(settings.kafka)
    topics = [CHANGES, *(topic for contract in contracts for topic in contract.raw_topics())]

    def backlog() -> tuple[int, int] | None:
        try:
            ends, begins, committed = (
                admin.end_offsets(topics),
                admin.begin_offsets(topics),
                admin.committed(settings.group),
            )
        except (Unavailable, NotAvailable):
            return None
        waiting = sum(max(0, end - max(begins.get(p, 0), committed.get(p, 0))) for p, end in ends.items())
        return waiting, sum(committed.values())

    return supervise(command, backlog, STALL_S)


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("faust", "aiokafka", "mode"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
