"""Whoever logs in to read at the source: references are followed, and nothing falls back to a stronger login."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from source_reader_contract import contract_of

from query.source.login import connection_of
from query.source.open import sources_of
from schemas.enforcement import AtSource, Login
from schemas.errors import Misconfigured
from schemas.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    secret = tmp_path / "own"
    secret.write_text("own password\n")
    return Settings(pg_host="db", pg_port=5, pg_user="owner", pg_database="company", pg_password_file=secret)


def test_what_the_contract_leaves_out_is_as_the_settings_say(settings: Settings) -> None:
    given = connection_of(Login(), settings, {})
    assert given == {
        "host": "db",
        "port": 5,
        "dbname": "company",
        "user": "owner",
        "password": "own password",
        "sslmode": "prefer",
    }


def test_references_are_followed_and_a_changed_file_counts_at_once(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "reader"
    file.write_text("first")
    login = Login(host="${env:H}.example", user="reader", password=f"${{file:{file}}}")
    assert connection_of(login, settings, {"H": "replica"})["host"] == "replica.example"
    assert connection_of(login, settings, {"H": "replica"})["password"] == "first"
    file.write_text("second")
    assert connection_of(login, settings, {"H": "replica"})["password"] == "second"


def test_another_user_does_not_get_our_own_password(settings: Settings) -> None:
    assert connection_of(Login(user="reader"), settings, {})["password"] is None


def test_a_password_in_the_contract_is_refused() -> None:
    with pytest.raises(ValidationError):
        Login(password="hunter2")


def test_a_reference_to_nothing_is_refused_at_the_start_and_a_contract_that_confirms_nothing_needs_none(
    settings: Settings, tmp_path: Path
) -> None:
    for password in ("${env:NOT_SET}", f"${{file:{tmp_path / 'none'}}}"):
        with pytest.raises(Misconfigured):
            sources_of([contract_of(connection={"password": password})], settings, {})
    indexed = contract_of(connection={"password": "${env:NOT_SET}"}).model_copy(update={"enforce": "index"})
    assert sources_of([indexed], settings, {}).confirming == {}


@pytest.mark.parametrize("name", ["role", "subject", "a.b; x", "a.", ".b", "a'.b", ""])
def test_a_setting_that_would_be_one_of_postgresqls_own_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        AtSource(role="r", subject=name)
