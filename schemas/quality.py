"""Quality rules of a table: what is no data, though it came as data."""

from re import Pattern
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

ErrorBody = Literal["html_error_page", "http_error_json", "http_error_text", "stack_trace"]
"""Bodies of failed requests that tables fed by an API come to hold: an error page, an error object, a status line or
the word of a time-out, a stack trace. Only where it is all there is: a ticket that quotes one is data."""


class Quality(BaseModel):
    """A row that breaks a rule is dead-lettered with the rule and the place; its last good version stays searchable.

    `reject_if_matches` are regular expressions, searched for in each column of `text` and `title`. `min_chars` and
    `max_chars` bound the filled `text`. `required` columns must not be null or blank.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    builtin: tuple[ErrorBody, ...] = get_args(ErrorBody)
    reject_if_matches: tuple[Pattern[str], ...] = ()
    min_chars: int = Field(default=0, ge=0)
    max_chars: int | None = Field(default=None, ge=1)
    required: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _bounds_agree(self) -> Self:
        if self.max_chars is not None and self.max_chars < self.min_chars:
            raise ValueError("max_chars is below min_chars, so no text is right")
        return self
