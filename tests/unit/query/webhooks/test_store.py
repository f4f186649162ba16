"""Webhooks in SQLite, as wherever they are kept."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from webhook_store_contract import WebhookStoreContract

from query.webhooks.database import SqliteDatabase
from schemas.errors import Unavailable


@pytest.fixture
def database(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "webhooks" / "webhooks.db")
    yield database
    database.close()


class TestSqlite(WebhookStoreContract):
    pass


def test_only_its_owner_reads_the_file(database: SqliteDatabase, tmp_path: Path) -> None:
    modes = {
        oct(path.stat().st_mode & 0o077) for path in [tmp_path / "webhooks", tmp_path / "webhooks" / "webhooks.db"]
    }
    assert modes == {"0o0"}


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"nonsense" * 100)
    with pytest.raises(Unavailable):
        SqliteDatabase(tmp_path / "x.db")
