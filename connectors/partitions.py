"""Partitioned tables: their rows must come under the name of the table that a contract names. Pure."""

from collections.abc import Iterator, Mapping, Set

from connectors.load import Draft
from connectors.mistakes import Mistake
from connectors.replica_identity import Table

VIA_ROOT = "publish.via.partition.root"


def partition_mistakes(draft: Draft, real: Mapping[str, Table], by_leaf: Set[str]) -> Iterator[Mistake]:
    """What keeps rows of partitions away from their table. `by_leaf`: publications that send them under their own
    names; Debezium makes a publication as its options say, but leaves one that is there as it is."""
    roots = [name for name in draft.tables if name in real and real[name].partitioned]
    publication = draft.options["publication.name"]
    for root in roots:
        here, what = ("tables", root), "is partitioned, and its rows are sent under the names of its partitions"
        if draft.options[VIA_ROOT].lower() != "true":
            yield draft.document.mistake(here, what, f'make "{VIA_ROOT}" "true" in the configuration, or leave it out')
        elif publication in by_leaf:
            todo = f'ALTER PUBLICATION "{publication}" SET (publish_via_partition_root = true)'
            missed = f"freshline verify {draft.source} --repair finds what was missed"
            yield draft.document.mistake(here, what, f"run: {todo}; then {missed}")
        for name in draft.tables:
            if name != root and name in real and real[name].identities.keys() <= real[root].identities.keys():
                twice = f"is a partition of {root}, under whose name its rows are sent"
                yield draft.document.mistake(("tables", name), twice, "take it, or the other, out of the contract")
