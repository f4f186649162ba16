"""What of an answer's hits leaves: the metadata that was asked for, and no more tokens than there is room for. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from query.context.render import block, citation, closing, opening, render, seal_of
from query.context.tokenizer import TokenCounter
from schemas.answer import Hit, Question, Tokens
from schemas.contract import Contract
from schemas.errors import InvalidQuestion


@dataclass(frozen=True, slots=True)
class Packed:
    """The hits that fit, what they take, and the text that was counted."""

    hits: list[Hit]
    tokens: Tokens
    text: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """The hits as they leave. `tokens` where the question has a budget, `context` where it asks for the text."""

    hits: list[Hit]
    tokens: Tokens | None
    context: str | None


def require_known_columns(question: Question, contracts: Collection[Contract]) -> None:
    """Raises InvalidQuestion for metadata that no table of these contracts has.

    Give the contracts of the sources that are asked and that the token names, late or not, whoever may see their rows:
    then a refusal tells of nothing else.
    """
    tables = [table for contract in contracts for table in contract.record_tables().values()]
    known = {column for table in tables for column in table.metadata}
    if unknown := [column for column in question.metadata or () if column not in known]:
        raise InvalidQuestion(f"metadata: no source that is asked has {', '.join(map(repr, unknown))}")


def fit(question: Question, hits: Sequence[Hit], counter: TokenCounter) -> Fitted:
    """The hits, best first, with citations, and as few and as bare as the question wants them.

    What is put on record, and counted against row budgets, is what comes out of here.
    """
    bare = [_shown(question, hit) for hit in hits]
    if question.budget_tokens is None:
        return Fitted(bare, None, render(bare) if question.context else None)
    packed = pack(bare, question.budget_tokens, counter)
    return Fitted(packed.hits, packed.tokens, packed.text if question.context else None)


def pack(hits: Sequence[Hit], budget: int, counter: TokenCounter) -> Packed:
    """The hits whose text (`render`, headings and frame included) takes at most `budget` tokens, whole or not there.

    In their order: a hit that does not fit is left out, and a shorter one after it may still fit. The whole text is
    counted at the end, so the budget holds however the tokenizer joins the parts.
    """
    seal = seal_of(hits)
    blocks = [block(hit, number) for number, hit in enumerate(hits, 1)]
    used, *costs = counter.count([f"{opening(seal)}\n{closing(seal)}", *(f"{text}\n" for text in blocks)])
    kept: list[Hit] = []
    for hit, cost in zip(hits, costs, strict=True):
        if used + cost <= budget:
            kept.append(hit)
            used += cost
    while (exact := _count(text := render(kept, seal), counter)) > budget:
        kept.pop()
    tokens = Tokens(tokenizer=counter.name, used=exact, budget=budget, left_out=len(hits) - len(kept))
    return Packed(kept, tokens, text)


def _count(text: str, counter: TokenCounter) -> int:
    return counter.count([text])[0] if text else 0


def _shown(question: Question, hit: Hit) -> Hit:
    asked = question.metadata
    if asked is None and question.budget_tokens is None:
        metadata = hit.metadata
    else:
        metadata = {column: value for column, value in hit.metadata.items() if column in (asked or ())}
    return hit.model_copy(update={"metadata": metadata, "citation": citation(hit)})
