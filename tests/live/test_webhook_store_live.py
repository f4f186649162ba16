"""Webhooks in PostgreSQL, as wherever they are kept."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import conninfo, sql
from webhook_store_contract import WebhookStoreContract

import freshline
from query.webhooks.database import PostgresDatabase
from schemas.settings import Settings

pytestmark = pytest.mark.live


@pytest.fixture
def database(settings: Settings) -> Iterator[PostgresDatabase]:
    """A database of its own, made and dropped."""
    name = f"webhooks_{uuid4().hex}"
    with psycopg.connect(freshline.dsn(settings), autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = conninfo.make_conninfo(host=settings.pg_host, port=settings.pg_port, user=settings.pg_user, dbname=name)
        database = PostgresDatabase(url, settings.pg_password_file)
        yield database
        database.close()
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


class TestPostgres(WebhookStoreContract):
    pass
