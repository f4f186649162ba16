"""A graph of steps (LangGraph): route ▸ retrieve ▸ check freshness ▸ write ▸ record. What is too stale goes back to
retrieve, which then waits; after a few rounds the flow ends in saying so, never in an old answer.

    python examples/graph_flow.py --as alice
    python examples/graph_flow.py --as alice --after helpdesk=0/16B3748

`--after` takes what `SELECT pg_current_wal_lsn()` says after your commit: the answer has it, or there is none.
"""

import re
import sys
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import typer
from langgraph.graph import END, START, StateGraph
from local import URL, run, token_for
from rules import Draft, Model, quote_best

from query.client import Client
from query.client.errors import NotYetSearchable, TooStale
from schemas.answer import Answer, Relevance

QUESTION = "Why do checkout payments fail at Northwind Bakery, and what is the fix?"
SECONDS = 5.0
"""How far behind a source may be."""
MOST_ROUNDS = 3
_CODE = re.compile(r"\b[A-Z]+-?\d+\b")


class State(TypedDict, total=False):
    """What the steps hand on. `answer` is missing while there is none fresh enough; `why` then says why."""

    question: str
    after: dict[str, str]
    relevance: Relevance
    round: int
    answer: Answer
    why: str
    draft: Draft


@dataclass(frozen=True)
class Steps:
    """The nodes: each takes the state and gives what it changes."""

    api: Client
    model: Model

    def route(self, state: State) -> State:
        """Codes and numbers are found by their letters as well as by meaning. A model could choose here instead."""
        return {"relevance": "hybrid" if _CODE.search(state["question"]) else "dense", "round": 0}

    def retrieve(self, state: State) -> State:
        """First as it stands; from the second round on the API waits for the source to catch up, up to a bound."""
        said = State(round=state["round"] + 1)
        waits = {"on_stale": "wait" if state["round"] else "flag", "wait_seconds": said["round"]}
        asked = {"relevance": state["relevance"], "limit": 5, "max_staleness_seconds": SECONDS, "after": state["after"]}
        try:
            answer = self.api.search(state["question"], **asked, **waits)
        except (TooStale, NotYetSearchable) as refused:
            return said | State(why=f"{refused.code}: {refused}")
        if answer.stale:
            return said | State(why="a source is further behind than allowed")
        return said | State(answer=answer)

    def fresh(self, state: State) -> Literal["write", "retrieve", "give_up"]:
        if "answer" in state:
            return "write"
        return "retrieve" if state["round"] < MOST_ROUNDS else "give_up"

    def write(self, state: State) -> State:
        return {"draft": self.model(state["question"], state["answer"].hits)}

    def record(self, state: State) -> State:
        """What was made of the answer, beside the answer's own record."""
        text, outcome = state["draft"].text, "completed" if state["draft"].quotes else "declined"
        kept = self.api.decide(answers=[state["answer"].id], outcome=outcome, model="rules", output=text)
        typer.echo(f"answer: {text or 'nothing is known of it'}")
        typer.echo(f"{outcome}, on record as {kept.id}")
        return {}

    def give_up(self, state: State) -> State:
        typer.echo(f"no answer: {state['why']}")
        return {}


def flow(steps: Steps) -> Any:
    """The graph; compiled."""
    graph = StateGraph(State)
    for node in (steps.route, steps.retrieve, steps.write, steps.record, steps.give_up):
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "route")
    graph.add_edge("route", "retrieve")
    graph.add_conditional_edges("retrieve", steps.fresh)
    graph.add_edge("write", "record")
    graph.add_edge("record", END)
    graph.add_edge("give_up", END)
    return graph.compile()


def main(
    who: Annotated[str, typer.Option("--as", help="For whom the agent works.")] = "alice",
    question: str = QUESTION,
    after: Annotated[list[str] | None, typer.Option(help="SOURCE=LSN; may be repeated.")] = None,
) -> None:
    """Run the graph, printing each step as it is done."""
    places = {name: lsn for name, _, lsn in (one.partition("=") for one in after or ())}
    with Client(URL, token_for(who, "graph", {"search", "decide"})) as api:
        asked = State(question=question, after=places)
        ended: State = {}
        for step in flow(Steps(api, quote_best)).stream(asked, stream_mode="updates"):
            for name, changed in step.items():
                typer.echo(f"step: {name}")
                ended = ended | (changed or State())
    sys.exit(0 if "answer" in ended else 1)


if __name__ == "__main__":
    run(main)
