"""`freshline explain`: why a person sees a record, or what is missing. For operators, who hold the keys."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import orjson

from index.store import Row
from query.asker import Asker, Circumstances
from query.authorize import Grounds, doubted_sources
from query.capabilities.revoked import Revocations
from query.clock import system_clock
from query.explain import explain
from query.follow import Follower
from query.live_index import index_of
from query.policies.facts import RecordFacts
from query.principal import Principal
from schemas.errors import IndexUnavailable, Misconfigured, Unavailable
from schemas.settings import Settings

PATIENCE_S = 20.0


def explain_as(settings: Settings, grounds: Grounds, principal: Principal, purpose: str, record_id: str) -> str:
    """All that labels, relations and policies say of a principal and a record, as text. Blocking.

    Tokens that narrow, the source's own row-level security and redaction are not looked at. Raises Misconfigured for a
    record that the index does not hold, Unavailable and IndexUnavailable when a part is away.
    """
    index = index_of(settings)
    live = index.generations.live()
    if live is None:
        raise IndexUnavailable()
    row = index.store(live.number).head(record_id)
    if row is None:
        raise Misconfigured(f"the index holds no record {record_id!r}; a hit of `freshline ask` names its own")
    with _followed(settings.kafka, grounds):
        now = system_clock()
        told = explain(grounds.view, principal, row.label, doubted_sources(grounds, now)).text
        return f"{record_id}\n{told}\n{_policies(grounds, principal, Circumstances(now.wall_ms, purpose), row)}"


def _policies(grounds: Grounds, principal: Principal, circumstances: Circumstances, row: Row) -> str:
    ruling = grounds.policies.rule(Asker(principal), "search", circumstances)
    label = grounds.view.label(row.label)
    if label is None:
        return "policies: not asked, as nobody defined its label"
    facts = RecordFacts(label, row.source, row.table, row.event_ms, orjson.loads(row.metadata))
    (judgement,) = ruling.judge([facts])
    by = f" by {', '.join(judgement.policies)}" if judgement.policies else ""
    return f"policies {ruling.version[:12]}: {'permitted' if judgement.permitted else 'not permitted'}{by}"


@contextmanager
def _followed(kafka: str, grounds: Grounds) -> Iterator[None]:
    """The view follows its topics meanwhile; it is complete from the beginning on."""
    follower = Follower(kafka, grounds.view, Revocations())
    follower.start()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while grounds.view.as_of is None:
            if time.monotonic() > deadline:
                raise Unavailable("Kafka", "labels and relations could not be read")
            time.sleep(0.05)
        yield
    finally:
        follower.stop()
