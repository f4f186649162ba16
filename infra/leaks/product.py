"""What the leak test needs of Freshline: its tokens and its API, as anybody uses them."""

from typing import Protocol

from infra.leaks.bearer import Bearer
from schemas.answer import Answer, Question


class Product(Protocol):
    """Blocking. `ask` and `watermark_ms` raise the Refused of the API's reply, and Unavailable without one."""

    def token(self, bearer: Bearer) -> str:
        """A token of Freshline's own or a capability, as the bearer says, good for an hour."""

    def ask(self, token: str, question: Question) -> Answer: ...

    def watermark_ms(self, token: str) -> int | None:
        """Up to which commit time the source is searchable (ms since 1970, UTC)."""

    def revoke(self, token: str) -> None:
        """Returns once the revocation is acknowledged."""
