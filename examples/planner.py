"""A planner and its specialists. The planner cuts its own token down for each of them, offline: the specialist for the
helpdesk cannot ask the CRM, and shows at most a few records, whatever it is told. Each answer's record has the chain.

    python examples/planner.py --as dave
"""

from dataclasses import dataclass
from typing import Annotated, Any

import typer
from local import URL, run, token_for
from rules import Model, quote_best

from query.asker import Mandate
from query.capabilities.issue import attenuate
from query.client import Client
from query.client.errors import BudgetSpent, InvalidQuestion
from schemas.answer import Answer
from schemas.decision import AnswerRecord

QUESTION = "What should be known before a call about late payouts and open invoices?"
SPECIALISTS = {"support": "helpdesk", "sales": "crm", "handbook": "wiki"}
"""Name -> the one source it may ask."""
ROWS = 3
"""Records that a specialist may be shown, all its answers together."""


@dataclass(frozen=True)
class Finding:
    """What a specialist brings back."""

    name: str
    answer: Answer
    text: str


def planned(question: str) -> dict[str, str]:
    """Which specialist is asked what. A rule: each the same; a model would split the question here."""
    return dict.fromkeys(SPECIALISTS, question)


def find(api: Client, name: str, question: str, model: Model) -> Finding:
    """A specialist at work, with its own token and nothing else. It asks for more than it may be shown."""
    answer = api.search(question, sources=[SPECIALISTS[name]], limit=5, purpose="planning")
    return Finding(name, answer, model(question, answer.hits).text)


def outcome(api: Client, question: str, **options: Any) -> str:
    """What comes of a question that a specialist should not ask: the code of its refusal."""
    try:
        api.search(question, **options)
    except (InvalidQuestion, BudgetSpent) as refused:
        return refused.code
    return "answered"


def chain(planner: Client, finding: Finding) -> str:
    """The hands of a finding's record, as the server wrote them down: who gave what to whom."""
    record = planner.decision(finding.answer.id)
    assert isinstance(record, AnswerRecord)
    return " ▸ ".join(hand.holder for hand in record.who.chain)


def main(
    who: Annotated[str, typer.Option("--as", help="For whom the planner works.")] = "dave", question: str = QUESTION
) -> None:
    """Plan, let the specialists find, put the whole on record."""
    token = token_for(who, "planner", {"search", "decide", "audit"}, rows=50)
    with Client(URL, token) as planner:
        answers, texts = [], []
        for name, asked in planned(question).items():
            source = SPECIALISTS[name]
            other = next(one for one in SPECIALISTS.values() if one != source)
            narrowed = attenuate(token, Mandate(frozenset({"search"}), frozenset({source}), rows=ROWS), name)
            with Client(URL, narrowed) as api:
                beyond = outcome(api, asked, sources=[other])
                found = find(api, name, asked, quote_best)
                further = outcome(api, asked)
            typer.echo(f"{chain(planner, found)}: {len(found.answer.hits)} of {source}: {found.text or 'nothing'}")
            typer.echo(f"  asking {other}: {beyond}; asking on: {further}")
            answers.append(found.answer.id)
            texts.append(found.text)
        kept = planner.decide(answers=answers, outcome="completed", model="rules", output="\n".join(texts))
        typer.echo(f"completed, on record as {kept.id}")


if __name__ == "__main__":
    run(main)
