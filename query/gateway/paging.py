"""Pages of a search: the same question, as things stood at the first page, after the last hit.

Age is reckoned from the moment of the first page, so that the order does not move beneath the reader. What is written
between two pages takes its place in that order: before the cursor it is not shown any more, beyond it it is.
Permissions are those of each page's own moment.
"""

from typing import Any

from query.asker import Asker
from query.gateway.cursor import Cursors
from query.gateway.refusals import InvalidCursor
from query.ranking.scored import Page
from schemas.answer import Question

MOST_PAGES = 10
KIND = "search"
_FREE = frozenset({"cursor", "limit", "wait_seconds", "budget_tokens", "metadata", "context"})
"""What of a question may differ from page to page: it moves no record in the order."""


class SearchPages:
    """From a cursor to where its page begins, and back. At most MOST_PAGES: so at most 500 records."""

    def __init__(self, cursors: Cursors) -> None:
        self._cursors = cursors

    def opened(self, cursor: str, asker: Asker, question: Question) -> Page:
        """Raises InvalidCursor for one that was not given to this asker, by this agent, for this question."""
        return self._opened(cursor, asker, question)[0]

    def closed(self, page: Page, asker: Asker, question: Question) -> str | None:
        """The cursor of the page that begins at `page`, after the one that was asked for; None after the last."""
        number = 1 if question.cursor is None else self._opened(question.cursor, asker, question)[1]
        if number >= MOST_PAGES:
            return None
        place = [page.now_ms, list(page.after), number + 1]
        return self._cursors.seal(KIND, asker.principal, _asked(question), place)

    def _opened(self, cursor: str, asker: Asker, question: Question) -> tuple[Page, int]:
        place = self._cursors.open(KIND, asker.principal, _asked(question), cursor)
        try:
            now_ms, (score, event_ms, record_id, chunk), number = place
            return Page(int(now_ms), (float(score), int(event_ms), str(record_id), int(chunk))), int(number)
        except (TypeError, ValueError):
            raise InvalidCursor() from None


def _asked(question: Question) -> dict[str, Any]:
    return question.model_dump(mode="json", exclude=set(_FREE))
