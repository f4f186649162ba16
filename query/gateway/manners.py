"""What a deployment says of how its API behaves."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from query.gateway.limits import Rates
from schemas.settings import Settings


@dataclass(frozen=True, slots=True)
class Manners:
    """`origins`: of pages whose scripts may read answers. `hosts`: names under which clients reach it, but loopback.
    `threads` questions are answered at once, and `waiting` more wait for their turn."""

    rates: Rates = field(default_factory=Rates)
    origins: tuple[str, ...] = ()
    most_body_bytes: int = 64 * 1024
    threads: int = 8
    waiting: int = 56
    hosts: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        rates = Rates(
            agent=settings.rate_agent,
            tenant=settings.rate_tenant,
            bad_tokens=settings.rate_bad_tokens,
            storage=settings.limits_storage,
        )
        return cls(
            rates,
            tuple(_names(settings.cors_origins)),
            settings.max_body_bytes,
            settings.threads,
            settings.waiting,
            tuple(_names(settings.api_hosts)),
        )


def _names(text: str) -> Iterator[str]:
    return (name.strip() for name in text.split(",") if name.strip())
