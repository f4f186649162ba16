"""What a mandate lets an asker ask. A source beyond it is, for that asker, a source that nobody configured."""

from collections.abc import Iterable

from query.asker import Asker, Mandate, Operation
from schemas.answer import Question
from schemas.errors import Forbidden, InvalidQuestion


def require(asker: Asker, operation: Operation) -> None:
    """Raises Forbidden if the token does not allow it."""
    allowed = asker.mandate.operations
    if allowed is not None and operation not in allowed:
        raise Forbidden(f"this token does not allow {operation}; it allows: {', '.join(sorted(allowed)) or 'nothing'}")


def reachable(mandate: Mandate, sources: Iterable[str]) -> list[str]:
    """Those of the sources that the mandate leaves, in their order."""
    return [source for source in sources if mandate.sources is None or source in mandate.sources]


def within(mandate: Mandate, question: Question, configured: Iterable[str]) -> Question:
    """The question, asked of sources within the mandate only.

    Raises InvalidQuestion for any other, in the same words whether it exists or not.
    """
    if mandate.sources is None:
        return question
    known = reachable(mandate, configured)
    asked = known if question.sources is None else list(dict.fromkeys(question.sources))
    unknown = [source for source in asked if source not in known]
    if unknown or not asked:
        named = f"unknown source {', '.join(map(repr, unknown))}" if unknown else "no source is asked"
        raise InvalidQuestion(f"{named}; known sources: {', '.join(sorted(known)) or 'none is configured'}")
    return question.model_copy(update={"sources": asked})
