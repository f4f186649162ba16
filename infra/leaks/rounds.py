"""Rounds: change at random, wait until the source is searchable so far, ask at random, compare with the oracle."""

import time
from concurrent.futures import ThreadPoolExecutor
from random import Random

import psycopg

from infra.leaks.bearer import Askers, Asking, Bearer
from infra.leaks.changes import Changes
from infra.leaks.judge import Findings, judge_answer, judge_refusal
from infra.leaks.product import Product
from infra.leaks.provider import Provider
from infra.leaks.world import TENANTS, Statement
from schemas.answer import Answer
from schemas.errors import Forbidden, FreshlineError, InvalidQuestion, Refused, Unauthenticated, Unavailable

THREADS = 4
PATIENCE_S = 60.0
"""How long the source may take to catch up, and one question to be answered."""
PAUSE_S = 0.05
DECIDED = (Unauthenticated, Forbidden, InvalidQuestion)
"""Refusals that are an answer; any other says that it is not known now."""
MOST_PROBLEMS = 10
WATCHER = Bearer("own", "watcher", TENANTS[0])


class Doors:
    """The product and the identity provider as one: any bearer's token, and questions until they are answered."""

    def __init__(self, product: Product, provider: Provider, found: Findings) -> None:
        self.product, self._provider, self._found = product, provider, found

    def token(self, bearer: Bearer) -> str:
        return self._provider.token(bearer) if bearer.kind == "provider" else self.product.token(bearer)

    def answer(self, asking: Asking, token: str = "") -> Answer | FreshlineError:
        """A whole answer, or a refusal that means this asker. What is neither is counted, and asked again.

        Without a `token` each try has a new one, so that no try spends the budget of another.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = self.product.ask(token or self.token(asking.bearer), asking.question)
            except DECIDED as refusal:
                return refusal
            except (Refused, Unavailable) as error:
                refused = f"{error.code}: {error}"
            else:
                if answer.exact and all(status.state in ("fresh", "late") for status in answer.sources):
                    return answer
                refused = f"not whole: exact {answer.exact}, {[status.state for status in answer.sources]}"
            self._found.count("asked again")
            if time.monotonic() > deadline:
                raise Unavailable("an answer", f"not within {PATIENCE_S:.0f} s to {asking}; at last {refused}")
            time.sleep(PAUSE_S)

    def caught_up(self, since_ms: float) -> None:
        """Wait until everything committed by then is searchable. Raises Unavailable after a minute."""
        deadline = time.monotonic() + PATIENCE_S
        token = self.token(WATCHER)
        while True:
            try:
                watermark = self.product.watermark_ms(token)
                if watermark is not None and watermark > since_ms:
                    return
                said = f"watermark {watermark}, wanted {since_ms:.0f}"
            except (Refused, Unavailable) as error:
                said = f"{error.code}: {error}"
            if time.monotonic() > deadline:
                raise Unavailable("the source", f"it did not catch up within {PATIENCE_S:.0f} s: {said}")
            time.sleep(PAUSE_S)


class Rounds:
    """Until so many answers were compared."""

    def __init__(self, doors: Doors, database: psycopg.Connection, changes: Changes, found: Findings) -> None:
        self._doors, self._database, self._changes, self._found = doors, database, changes, found

    def run(self, answers: int, random: Random) -> None:
        """Raises Unavailable where the source does not catch up. Questions of a round: 30, or more for a long run."""
        askers = Askers(random, self._changes.world)
        each = min(100, max(30, answers // 200))
        while self._found.counts["answers"] < answers and len(self._found.problems) < MOST_PROBLEMS:
            for _ in range(random.randint(1, 3)):
                write(self._database, [self._changes.next() for _ in range(random.randint(1, 5))])
            self.ask([askers.next() for _ in range(each)])

    def ask(self, asked: list[Asking]) -> None:
        """Ask all of these of the company as it stands, several at a time."""
        self._doors.caught_up(time.time() * 1000)
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self._ask, asked))

    def _ask(self, asking: Asking) -> None:
        try:
            answer = self._doors.answer(asking)
        except FreshlineError as error:
            self._found.add("problems", f"{error.code}: {error}")
            return
        if isinstance(answer, Answer):
            judge_answer(self._changes.world, asking, answer, self._found)
        else:
            judge_refusal(self._changes.world, asking, answer, self._found)


def write(database: psycopg.Connection, statements: list[Statement]) -> None:
    """In one transaction, committed when this returns."""
    with database.transaction():
        for statement in statements:
            database.execute(statement.sql.encode(), statement.values)
