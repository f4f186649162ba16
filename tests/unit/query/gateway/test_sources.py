"""`GET /v1/sources`: what there is to search, source by source."""

import secrets
from typing import Any

from query.asker import Asker
from query.gateway.cursor import Cursors
from query.gateway.sources import sources_for
from query.principal import Principal

ALICE = Asker(Principal("alice@acme.example", "acme"))
WEEK_S = 7 * 86_400.0


def test_it_tells_of_each_source_how_long_its_past_is_kept(company: Any) -> None:
    helpdesk, wiki = company.contracts["helpdesk"], company.contracts["wiki"]
    kept = helpdesk.freshness.model_copy(update={"history": WEEK_S})
    asked_at_source = wiki.model_copy(update={"freshness": kept, "enforce": "source"})
    for contracts in (
        {"helpdesk": helpdesk.model_copy(update={"freshness": kept}), "wiki": wiki},
        {"helpdesk": helpdesk.model_copy(update={"freshness": kept}), "wiki": asked_at_source},
    ):
        page = sources_for(contracts, Cursors(secrets.token_bytes(32)), ALICE, 10, None)
        assert {one.source: one.history_seconds for one in page.sources} == {"helpdesk": WEEK_S, "wiki": None}
