"""The sources that confirm, with real readers."""

from collections.abc import Iterable, Mapping
from functools import partial

from query.source.confirm import Sources, confirming
from query.source.login import connection_of
from query.source.postgres import PostgresReader
from schemas.contract import Contract
from schemas.settings import Settings


def sources_of(contracts: Iterable[Contract], settings: Settings, environ: Mapping[str, str]) -> Sources:
    """Readers for the contracts that enforce at the source. Nothing is connected yet; see `Sources.examine`.

    `environ` is where `${env:…}` of a contract is looked up. Raises Misconfigured for a reference to nothing.
    """
    found = {}
    for contract in contracts:
        if contract.at_source is not None and contract.enforced():
            connect = partial(connection_of, contract.at_source.connection, settings, environ)
            connect()
            found[contract.source] = confirming(contract, PostgresReader(contract, connect))
    return Sources(found, settings.max_text_bytes)
