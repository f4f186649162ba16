"""The Python client: `with Client(url, token) as api: api.search("overdue invoices", limit=3)`."""

from query.client.asynchronous import AsyncClient
from query.client.blocking import Client
from query.client.retries import NO_RETRIES, Retries

__all__ = ["NO_RETRIES", "AsyncClient", "Client", "Retries"]
