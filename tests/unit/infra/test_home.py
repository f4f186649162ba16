"""The home of a stack: ports, the note that tells others where the parts are, secrets."""

import json
from pathlib import Path

import pytest

from infra.local.home import PORT_RANGE, PORTED, Home, choose_ports, free_port, secret
from schemas.errors import Unavailable
from schemas.settings import Settings

PORTS = {"postgres": 20001, "kafka": 20002, "connect": 20003, "milvus": 20004, "api": 20005}


def everything_free(port: int) -> bool:
    return True


def test_remembered_ports_are_kept_when_free() -> None:
    assert choose_ports(PORTS, running=(), is_free=everything_free) == PORTS


def test_a_part_that_runs_keeps_its_port_though_it_is_not_free() -> None:
    assert choose_ports(PORTS, running=["kafka"], is_free=lambda port: port != 20002) == PORTS


def test_a_port_taken_by_somebody_else_is_replaced_and_the_others_stay() -> None:
    chosen = choose_ports(PORTS, running=(), is_free=lambda port: port != 20002)
    assert chosen["kafka"] != 20002
    assert {**chosen, "kafka": 20002} == PORTS


def test_ports_are_chosen_once_each_and_below_those_of_outgoing_connections() -> None:
    chosen = choose_ports({}, running=(), is_free=everything_free)
    assert len(set(chosen.values())) == len(PORTED)
    assert all(port in PORT_RANGE for port in chosen.values())


def test_no_free_port_is_an_error_not_an_endless_search() -> None:
    with pytest.raises(Unavailable, match="no free port"):
        free_port(lambda port: False)


def test_the_note_has_the_agreed_shape_and_gives_the_ports_back(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.remember(PORTS)
    assert json.loads(home.note.read_text()) == {
        "postgres": {
            "host": "127.0.0.1",
            "port": 20001,
            "user": "postgres",
            "database": "company",
            "password_file": str(tmp_path / "secrets" / "postgres.password"),
        },
        "kafka": {"bootstrap": "127.0.0.1:20002"},
        "connect": {"url": "http://127.0.0.1:20003"},
        "milvus": {
            "uri": "http://127.0.0.1:20004",
            "token_file": str(tmp_path / "secrets" / "milvus.token"),
        },
        "api": {"url": "http://127.0.0.1:20005"},
    }
    assert Home(tmp_path).remembered_ports() == PORTS


def test_settings_read_the_note(tmp_path: Path) -> None:
    Home(tmp_path).remember(PORTS)
    settings = Settings.load({"FRESHLINE_HOME": str(tmp_path)})
    assert (settings.kafka, settings.pg_port) == ("127.0.0.1:20002", 20001)
    assert settings.milvus_token_file == tmp_path / "secrets" / "milvus.token"


def test_entries_of_others_in_the_note_are_kept(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.note.write_text(json.dumps({"dashboards": {"port": 3000}}))
    home.remember(PORTS)
    assert json.loads(home.note.read_text())["dashboards"] == {"port": 3000}


@pytest.mark.parametrize("note", ["", "[]", "{", '{"kafka": 7, "milvus": {"uri": "elsewhere"}}'])
def test_a_damaged_note_is_as_good_as_none(tmp_path: Path, note: str) -> None:
    home = Home(tmp_path)
    home.note.write_text(note)
    assert home.remembered_ports() == {}


def test_a_secret_is_made_once_for_its_owner_only_and_never_in_the_note(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.create()
    word = secret(home.postgres_password)
    home.remember(PORTS)
    assert len(word) >= 40
    assert secret(home.postgres_password) == word
    assert home.postgres_password.stat().st_mode & 0o777 == 0o600
    assert home.secrets.stat().st_mode & 0o777 == 0o700
    assert word not in home.note.read_text()
