"""Cedar at work with one version of the policies. Nothing here raises for what an asker, request or record says:
what Cedar cannot express or evaluate is withheld."""

import hashlib
import json
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import cedarpy
import orjson

from query.asker import Asker, Circumstances, Operation
from query.policies.classes import Classes
from query.policies.facts import ACTIONS, ASKER, SERVICE, RecordFacts, asker_entity, context, record_entity
from query.policies.policy_set import Policies, Policy
from query.policies.predicate import CannotEvaluate, LabelFacts
from query.policies.residual import ByCedar, Residual
from query.policies.vocabulary import OF_RECORDS, OF_SERVICE

log = logging.getLogger("freshline.query.policies")
KEPT = 256
"""Askers, and what is left of the policies for them, that are kept at hand."""


@dataclass(frozen=True, slots=True)
class Known:
    """Asker, operation and circumstances as Cedar data. Equal `facts` (a hash) = policies cannot tell them apart."""

    asker: Mapping[str, Any]
    request: Mapping[str, Any]
    at_ms: int
    facts: bytes


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether the record may be shown, and the policies that decided it: none where no permit applied."""

    permitted: bool
    policies: tuple[str, ...] = ()


WITHHELD = Judgement(False)


class Engine:
    """Safe with several threads.

    Whom policies cannot tell apart shares one residual, without evaluation; and so does whom they left the same of.
    """

    def __init__(self, policies: Policies) -> None:
        vocabulary = policies.vocabulary
        self.version = policies.version
        self.classes = Classes(vocabulary.attributes if policies.speak_of_attributes else None)
        self._policies = policies
        self._schema = vocabulary.schema
        self._asking = sorted(path for path in policies.facts if path[0] in ("principal", "context"))
        self._asked: OrderedDict[bytes, Residual | None] = OrderedDict()
        self._residuals: OrderedDict[bytes, Residual] = OrderedDict()
        self._lock = Lock()

    def known(self, asker: Asker, operation: Operation, circumstances: Circumstances) -> Known | None:
        """None for what Cedar cannot express: an unknown operation, a network address that is none."""
        if operation not in (*OF_RECORDS, *OF_SERVICE):
            return None
        entity = asker_entity(asker, self._policies.vocabulary.vouched)
        try:
            told = context(circumstances)
            orjson.dumps([entity, told])
        except (ValueError, orjson.JSONEncodeError):
            log.warning("a request's text, time or network address cannot be told to policies, so nothing is permitted")
            return None
        variables = {"principal": entity["attrs"], "context": told}
        used = [_value(variables, path) for path in self._asking]
        request = {"principal": ASKER, "action": f'Action::"{operation}"', "context": json.dumps(told)}
        return Known(entity, request, circumstances.at_ms, _hash([operation, used]))

    def residual(self, known: Known) -> Residual | None:
        """The policies partially evaluated, the record unknown. None = nothing is permitted, whatever the record."""
        with self._lock:
            if known.facts in self._asked:
                self._asked.move_to_end(known.facts)
                return self._asked[known.facts]
        residual = self._evaluate(known)
        with self._lock:
            _keep(self._asked, known.facts, residual)
        return residual

    def _evaluate(self, known: Known) -> Residual | None:
        entities = json.dumps([known.asker])
        found = cedarpy.is_authorized_partial(dict(known.request), self._policies.all, entities, self._schema)
        if found.diagnostics.errors or found.decision is cedarpy.Decision.Deny:
            return None
        key = _hash(found.residuals)
        with self._lock:
            residual = self._residuals.get(key)
            if residual is None:
                residual = Residual(found.residuals, self._policies.by_id, self._asked_of_cedar(known))
            _keep(self._residuals, key, residual)
            return residual

    def judge(self, known: Known, records: Sequence[RecordFacts]) -> list[Judgement]:
        """Full evaluation of each record, in order. One that Cedar cannot read takes no other with it."""
        metadata = self._policies.vocabulary.metadata
        entities = [known.asker]
        judgeable = []
        for number, record in enumerate(records):
            attributes = self.classes.attributes(record.label)
            if attributes is not None:
                entities.append(record_entity(record, attributes, number, known.at_ms, metadata))
                judgeable.append(number)
        judgements = [WITHHELD] * len(records)
        decided = self._decide(known, entities, [{"type": "Record", "id": str(number)} for number in judgeable])
        for number, judgement in zip(judgeable, decided, strict=True):
            judgements[number] = judgement
        return judgements

    def permits_service(self, known: Known) -> Judgement:
        """For operations about no record."""
        return self._decide(known, [known.asker], [SERVICE])[0]

    def _decide(
        self, known: Known, entities: Sequence[Mapping[str, Any]], resources: Sequence[Mapping[str, str]]
    ) -> list[Judgement]:
        requests = [{**known.request, "resource": resource} for resource in resources]
        found = cedarpy.is_authorized_batch(requests, self._policies.all, json.dumps(entities), self._schema)
        if len(resources) > 1 and any(one.decision is cedarpy.Decision.NoDecision for one in found):
            records = entities[1:]
            return [
                self._decide(known, [entities[0], entity], [resource])[0]
                for entity, resource in zip(records, resources, strict=True)
            ]
        return [self._judgement(one) for one in found]

    def _judgement(self, found: cedarpy.AuthzResult) -> Judgement:
        diagnostics = found.diagnostics
        names = tuple(sorted(self._policies.by_id[one].name for one in diagnostics.reasons))
        return Judgement(found.allowed and not diagnostics.errors, names)

    def _asked_of_cedar(self, known: Known) -> ByCedar:
        """Without the schema, so that a fact a label does not tell is an error, and no guess."""

        def applies(policy: Policy, facts: LabelFacts) -> bool:
            attrs = {"tenant": facts.tenant, "source": facts.source, "attributes": dict(facts.attributes)}
            record = {"uid": {"type": "Record", "id": "0"}, "attrs": attrs, "parents": []}
            request = {**known.request, "resource": {"type": "Record", "id": "0"}}
            found = cedarpy.is_authorized(request, policy.alone, json.dumps([known.asker, record, *ACTIONS]))
            if found.diagnostics.errors or found.decision is cedarpy.Decision.NoDecision:
                raise CannotEvaluate
            return bool(found.diagnostics.reasons)

        return applies


def _value(variables: Mapping[str, Any], path: Sequence[str]) -> Any:
    """What stands at the path; None where nothing does."""
    value: Any = variables
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _hash(data: Any) -> bytes:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).digest()


def _keep(cache: OrderedDict[bytes, Any], key: bytes, value: Any) -> None:
    cache[key] = value
    cache.move_to_end(key)
    if len(cache) > KEPT:
        cache.popitem(last=False)
