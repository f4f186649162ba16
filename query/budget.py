"""Row budgets: how many records all answers under a token may show together."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from threading import Lock

from query.asker import Mandate
from schemas.errors import Forbidden

STRIPES = 64

Shown = Callable[[Collection[str]], int]
"""How many records were shown under tokens with any of these revocation ids."""


class BudgetSpent(Forbidden):
    """This token has shown as many records as it may; ask its issuer for another."""

    code = "row_budget_spent"


class Budgets:
    """Counts by the decision log, so it holds across restarts and processes.

    Answers under one budget are given one after another, within this process; another process may answer at the same
    moment and go over it by one answer.
    """

    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._stripes = [Lock() for _ in range(STRIPES)]

    @contextmanager
    def limited(self, mandate: Mandate, wanted: int) -> Iterator[int]:
        """How many records an answer may show now, `wanted` at most; held until it is on record. Raises BudgetSpent.

        Every token made from one that has a budget counts against it: whoever attenuates gets no more by it.
        """
        if not mandate.budgets:
            yield wanted
            return
        with self._stripes[hash(mandate.budgets[0].revocation_id) % STRIPES]:
            left = min(budget.rows - self._shown([budget.revocation_id]) for budget in mandate.budgets)
            if left <= 0:
                raise BudgetSpent()
            yield min(wanted, left)
