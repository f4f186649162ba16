"""Every test of the client holds for both: the one that waits, and the one that is awaited."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from client_stage import Api

from query.client import AsyncClient, Client, Retries

QUICK = Retries(tries=3, base_s=0.0)
Do = Callable[..., Any]
"""do(api, "search", "printer", limit=3): one method of a client, its result or its error."""


@pytest.fixture(params=["waiting", "awaited"])
def do(request: pytest.FixtureRequest) -> Do:
    """A method of each client against an Api; what `client_options` says goes to the client."""

    def waiting(api: Api, method: str, *args: Any, client_options: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        options = {"token": "t0ken", "retries": QUICK} | (client_options or {})
        with Client("http://api", transport=httpx.MockTransport(api.handle), **options) as client:
            return getattr(client, method)(*args, **kwargs)

    def awaited(api: Api, method: str, *args: Any, client_options: dict[str, Any] | None = None, **kwargs: Any) -> Any:
        async def run() -> Any:
            options = {"token": "t0ken", "retries": QUICK} | (client_options or {})
            async with AsyncClient("http://api", transport=httpx.MockTransport(api.handle), **options) as client:
                return await getattr(client, method)(*args, **kwargs)

        return asyncio.run(run())

    return {"waiting": waiting, "awaited": awaited}[request.param]
