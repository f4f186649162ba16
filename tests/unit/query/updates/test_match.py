"""What it takes to decide: with thousands of standing questions, nearly every update is news for few of them."""

from typing import Any

import pytest
from update_stage import PRINTERS, changed, label_of

from query.asker import Asker, Circumstances
from query.principal import Principal
from query.updates import match
from query.updates.match import Match, matches
from schemas.errors import IndexUnavailable


def test_what_an_asker_may_not_see_needs_neither_model_nor_index(company: Any, bob: Principal) -> None:
    update = changed(company, "helpdesk/rows/1", "printer fire", label_of("alice@acme.example"))
    company.beat("helpdesk", "wiki")

    def away() -> Any:
        raise IndexUnavailable()

    about = Circumstances(company.now.wall_ms)
    assert matches(company.parts(live=away), Asker(bob), about, PRINTERS, [update]) == [None]
    with pytest.raises(IndexUnavailable):
        matches(company.parts(live=away), Asker(bob), about, PRINTERS, [])


def test_a_question_that_another_thread_forgets_meanwhile_is_embedded_again(
    company: Any, alice: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful(dict[str, Any]):
        def __contains__(self, query: object) -> bool:
            known = super().__contains__(query)
            self.clear()
            return known

    known = Forgetful({PRINTERS.query: company.parts().live().embedder.embed_question(PRINTERS.query)})
    monkeypatch.setattr(match, "_vectors", {company.parts().live().embedder: known})
    update = changed(company, "helpdesk/rows/1", "printer fire", label_of("alice@acme.example"))
    (outcome,) = matches(company.parts(), Asker(alice), Circumstances(company.now.wall_ms), PRINTERS, [update])
    assert isinstance(outcome, Match)
