"""Who asks."""

from dataclasses import dataclass

from schemas.errors import Misconfigured

EVERYONE = "user:*"
"""Every authenticated user of the tenant that names it; it never crosses tenants."""


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated asker within one tenant. `agent` names the program that asks on the user's behalf.

    Raises Misconfigured for a subject that could be mistaken for everyone or for a group.
    """

    subject: str
    tenant: str
    agent: str = ""

    def __post_init__(self) -> None:
        if not self.subject or not self.tenant:
            raise Misconfigured("a principal needs a subject and a tenant")
        if "*" in self.subject or "#" in self.subject:
            raise Misconfigured("a principal's subject may not contain * or #")

    @property
    def name(self) -> str:
        """As labels and relations spell it: user:alice@acme.example."""
        return f"user:{self.subject}"
