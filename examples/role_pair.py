"""Two agents, two roles: one finds and drafts, the other checks each quote against the record as it is now.

The support agent may search, but read no record whole; the reviewer may read records, but not search. Neither can do
the other's part, whatever it is told. What both did is on record.

    python examples/role_pair.py --as alice
    python examples/role_pair.py --as alice --careless      # a support agent that makes things up
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer
from local import URL, run, token_for
from rules import Draft, Model, Quote, quote_best

from query.client import Client
from query.client.errors import Forbidden, UnknownRecord
from schemas.answer import Answer, Hit

QUESTION = "Why do checkout payments fail at Northwind Bakery, and what is the fix?"
SECONDS = 10
"""How far behind a source may be for an answer that leaves the house."""


def draft(support: Client, model: Model, question: str) -> tuple[Answer, Draft]:
    """The support agent: an answer as fresh as it must be (it waits for that, or is refused), and a draft from it."""
    answer = support.search(question, limit=5, max_staleness_seconds=SECONDS, on_stale="wait", purpose="support")
    return answer, model(question, answer.hits)


def objections(reviewer: Client, drafted: Draft) -> list[str]:
    """The reviewer: what is wrong with a draft. It sees what its own token lets it see, no more."""
    found = [] if drafted.quotes else ["nothing is quoted"]
    for number, quote in enumerate(drafted.quotes, 1):
        found += [f"[{number}] {said}" for said in _wrong(reviewer, quote)]
    lags = {status.source: status.lag_ms for status in reviewer.freshness()}
    for source in sorted({quote.record_id.split("/")[0] for quote in drafted.quotes}):
        lag_ms = lags.get(source)
        if lag_ms is None or lag_ms > SECONDS * 1000:
            found.append(f"{source} is too far behind to say so now")
    return found


def _wrong(reviewer: Client, quote: Quote) -> list[str]:
    try:
        record = reviewer.record(quote.record_id, purpose="review")
    except UnknownRecord:
        return ["quotes a record that the reviewer cannot see"]
    said = []
    if record.position != quote.position:
        said.append("the record has changed since it was read")
    if not any(quote.words in chunk.text for chunk in record.chunks):
        said.append("these words do not stand in the record")
    return said


def careless(question: str, hits: Sequence[Hit]) -> Draft:
    """A model that invents: what a reviewer is for."""
    drafted = quote_best(question, hits)
    return Draft([replace(quote, words="It has been fixed already.") for quote in drafted.quotes])


def main(
    who: Annotated[str, typer.Option("--as", help="For whom the agents work.")] = "alice",
    question: str = QUESTION,
    make_things_up: Annotated[bool, typer.Option("--careless")] = False,
) -> None:
    """Draft, review, and put on record who decided what."""
    with (
        Client(URL, token_for(who, "support", {"search", "decide"})) as support,
        Client(URL, token_for(who, "reviewer", {"get", "freshness", "decide"})) as reviewer,
    ):
        answer, drafted = draft(support, careless if make_things_up else quote_best, question)
        typer.echo(f"support drafts: {drafted.text or 'nothing'}")
        for number, quote in enumerate(drafted.quotes, 1):
            typer.echo(f"  [{number}] {quote.citation}")
        wrong = objections(reviewer, drafted)
        for said in wrong:
            typer.echo(f"reviewer objects: {said}")
        outcome = "declined" if wrong else "completed"
        verdict = reviewer.decide(
            answers=[answer.id], outcome=outcome, model="rules", reasoning="; ".join(wrong), output=drafted.text
        )
        typer.echo(f"reviewer: {outcome}, on record as {verdict.id}")
        try:
            reviewer.search(question)
        except Forbidden as refused:
            typer.echo(f"the reviewer cannot search: {refused.code}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    run(main)
