"""A question as of a past time: answered from the versions of then, with the permissions of now, or refused."""

from typing import Any

import pytest

from index.history import Superseded
from index.memory_history import MemoryHistory
from query.decisions.memory import MemoryDecisions
from query.policies.gate import PolicyGate
from query.policies.vocabulary import Vocabulary
from query.principal import Principal
from query.search import Live
from schemas.answer import Answer, Question
from schemas.contract import Contract
from schemas.errors import AsOfUnavailable
from schemas.label import Label, LabelDefinition

OWN = Label(tenant="acme", readers=("user:alice@acme.example",))
BOBS = Label(tenant="acme", readers=("user:bob@acme.example",))
HOUR_MS = 3_600_000


class Stage:
    """Ticket 1 said `on fire` for an hour, then `fine`; an hour ago, history began."""

    def __init__(self, company: Any) -> None:
        self.company = company
        self.history = MemoryHistory(company.store)
        self.began = company.now.wall_ms
        told = company.contracts["helpdesk"].model_dump(mode="json", by_alias=True, exclude_defaults=True)
        company.contracts["helpdesk"] = Contract.model_validate(
            told | {"freshness": {**told["freshness"], "history": "2d"}}
        )
        self.history.begin("helpdesk", self.began)
        company.put("helpdesk/tickets/1", "printer on fire", OWN)
        self.then = self.began + HOUR_MS // 2
        company.pass_time(3600)
        self.supersede("printer works fine", OWN)
        company.pass_time(3600)
        company.beat("helpdesk", "wiki")
        company.view.caught_up(company.now.steady)

    def supersede(self, text: str, label: Label, **changed: Any) -> None:
        """As the stream job does."""
        (held,) = self.company.store.records["helpdesk/tickets/1"]
        self.history.keep([Superseded(held, self.company.now.wall_ms)])
        self.company.view.define(LabelDefinition.of(label))
        self.history.relabel({held.record_id: label.id})
        self.company.put("helpdesk/tickets/1", text, label, **changed)

    def ask(self, who: Principal, as_of_ms: int | None, **more: Any) -> Answer:
        asked = {"sources": ["helpdesk"], **more}
        live = Live(self.company.embedder, self.company.store, self.history)
        return self.company.answer(
            who, Question(query="printer on fire", as_of_ms=as_of_ms, **asked), live=lambda: live
        )


@pytest.fixture
def stage(company: Any) -> Stage:
    return Stage(company)


@pytest.mark.parametrize("relevance", ["dense", "keyword", "hybrid"])
def test_the_version_of_then_is_shown_and_its_age_is_that_of_then(
    stage: Stage, alice: Principal, relevance: str
) -> None:
    given = stage.ask(alice, stage.then, relevance=relevance)
    assert [(hit.text, hit.commit_ms, hit.age_ms) for hit in given.hits] == [
        ("printer on fire", stage.began, HOUR_MS // 2)
    ]
    assert given.as_of_ms == stage.then
    assert given.answered_ms == stage.company.now.wall_ms
    now = stage.ask(alice, None, relevance=relevance)
    assert ([hit.text for hit in now.hits], now.as_of_ms) == (["printer works fine"], None)


def test_freshness_is_computed_as_of_then(stage: Stage, alice: Principal) -> None:
    half_an_hour = 0.3 + 0.7 * 2 ** (-1 / 48)
    assert stage.ask(alice, stage.then).hits[0].freshness == pytest.approx(half_an_hour)


def test_who_lost_the_record_since_does_not_see_its_past_and_who_gained_it_does(
    stage: Stage, alice: Principal, bob: Principal
) -> None:
    stage.supersede("printer is sold", BOBS)
    assert stage.ask(alice, stage.then).hits == []
    assert [hit.text for hit in stage.ask(bob, stage.then).hits] == ["printer on fire"]


def test_a_source_without_history_refuses_the_question_on_record(stage: Stage, alice: Principal) -> None:
    stage.company.decisions = MemoryDecisions()
    with pytest.raises(AsOfUnavailable, match="wiki keeps no history"):
        stage.ask(alice, stage.then, sources=None)
    (entry,) = stage.company.decisions.read(0, 100)
    assert entry.payload is not None
    assert '"status":"as_of_unavailable"' in entry.payload.body
    assert f'"as_of_ms":{stage.then}' in entry.payload.body


def test_a_time_before_the_history_began_is_refused_naming_it(stage: Stage, alice: Principal) -> None:
    with pytest.raises(AsOfUnavailable, match=f"helpdesk is known since {stage.began}"):
        stage.ask(alice, stage.began - 1)


def test_where_no_history_is_at_hand_the_past_is_refused(company: Any, alice: Principal) -> None:
    with pytest.raises(AsOfUnavailable):
        company.answer(alice, Question(query="printer", as_of_ms=company.now.wall_ms))


@pytest.mark.parametrize("relevance", ["dense", "keyword", "hybrid"])
def test_a_record_that_a_policy_denies_now_has_no_past_either(
    stage: Stage, alice: Principal, tmp_path: Any, relevance: str
) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "base.cedar").write_text(
        "permit (principal, action, resource);\n"
        "forbid (principal, action, resource is Record) when { resource.metadata has status && "
        'resource.metadata.status == "closed" };'
    )
    stage.company.policies = PolicyGate(folder, Vocabulary(metadata=frozenset({"status"})))
    assert [hit.text for hit in stage.ask(alice, stage.then, relevance=relevance).hits] == ["printer on fire"]
    stage.supersede("printer is under investigation", OWN, metadata='{"status": "closed"}')
    assert stage.ask(alice, None, relevance=relevance).hits == []
    assert stage.ask(alice, stage.then, relevance=relevance).hits == []
