"""What decides who sees what, from the settings: contracts, relations, policies."""

from connectors.load import load
from connectors.relation_file import load_relations
from query.authorize import Grounds
from query.policies.gate import PolicyGate
from query.policies.vocabulary import Vocabulary
from query.view import PermissionView
from schemas.change import table_id
from schemas.settings import Settings


def grounds_of(settings: Settings) -> Grounds:
    """The folders of contracts and policies as they are now; the view is empty until it is followed.

    Raises Misconfigured, with all mistakes.
    """
    contracts = {contract.source: contract for contract in load(settings.sources)}
    model = load_relations(settings.sources, contracts.values())
    gate = PolicyGate(settings.policies, vocabulary_of(settings))
    granting = {name: {table_id(name, table) for table in each.granting()} for name, each in contracts.items()}
    return Grounds(PermissionView(model, granting), contracts, gate, settings.permission_lag_limit)


def vocabulary_of(settings: Settings) -> Vocabulary:
    """What policies may speak of. Raises Misconfigured for contracts that are not usable."""
    return Vocabulary.of(load(settings.sources), vouched=settings.vouched_attributes())
