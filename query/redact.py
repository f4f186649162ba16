"""Redaction: what of a row a reader may not see, as its table's contract declares. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace

from index.store import Row
from query.asker import Asker
from schemas.contract import Contract
from schemas.redaction import Redaction

Rules = Mapping[str, tuple[Redaction, ...]]


class Redactor:
    """The redaction of all tables."""

    def __init__(self, contracts: Iterable[Contract]) -> None:
        self._rules: dict[tuple[str, str], Rules] = {
            (contract.source, name): table.permissions.redact
            for contract in contracts
            for name, table in contract.record_tables().items()
            if table.permissions is not None and table.permissions.redact
        }

    @property
    def omits(self) -> bool:
        """Whether some table's rows may be kept back whole."""
        return bool(self._omitting())

    def omitting(self, asker: Asker) -> frozenset[str]:
        """The sources of which rows may be kept back whole from this asker."""
        return frozenset(source for source, rule in self._omitting() if not has(asker, rule.needs))

    def _omitting(self) -> list[tuple[str, Redaction]]:
        rules = [
            (source, rule) for (source, _), table in self._rules.items() for each in table.values() for rule in each
        ]
        return [(source, rule) for source, rule in rules if rule.instead == "omit"]

    def redacted(self, row: Row, asker: Asker, attributes: Mapping[str, str]) -> Row | None:
        """The row without what the asker may not see of it; None: the asker may not see it at all.

        `attributes` are those of the row's label.
        """
        rules = self._rules.get((row.source, row.table), {})
        unseen = {
            field: {rule.instead for rule in each if applies(rule, attributes) and not has(asker, rule.needs)}
            for field, each in rules.items()
        }
        if any("omit" in how for how in unseen.values()):
            return None
        hidden = {field for field, how in unseen.items() if how}
        if not hidden:
            return row
        metadata = {column: value for column, value in json.loads(row.metadata).items() if column not in hidden}
        url = "" if "url" in hidden else row.url
        return replace(row, url=url, metadata=json.dumps(metadata, ensure_ascii=False))


def applies(rule: Redaction, attributes: Mapping[str, str]) -> bool:
    """Whether a record with these attributes is redacted. One that it lacks could be anything, so it counts."""
    return all(name not in attributes or attributes[name] in values for name, values in rule.when.items())


def has(asker: Asker, needs: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the asker's identity vouches for each attribute, and its token leaves that value below its ceiling."""
    held, ceiling = asker.attributes, asker.mandate.ceiling
    return all(
        held.get(name) in values and (name not in ceiling or held[name] in ceiling[name])
        for name, values in needs.items()
    )
