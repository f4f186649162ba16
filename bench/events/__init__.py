"""Events that benchmarks feed to Freshline and to its rivals: as Debezium writes them, from a seed."""

from pathlib import Path

from bench.events.source_log import SOURCE, TOPIC, Event, SourceLog
from bench.events.topic import make_topic, produce, producer_to
from bench.events.workloads import Change, Mix, mix, new_texts

SOURCES = Path(__file__).parent
"""The folder of the contract: what FRESHLINE_SOURCES is set to."""

__all__ = [
    "SOURCE",
    "SOURCES",
    "TOPIC",
    "Change",
    "Event",
    "Mix",
    "SourceLog",
    "make_topic",
    "mix",
    "new_texts",
    "produce",
    "producer_to",
]
