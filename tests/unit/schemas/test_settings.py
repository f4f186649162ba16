"""Settings: the environment read once, every mistake named, secrets never shown."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import Misconfigured
from schemas.settings import Settings, read_secret, unknown_variables

STACK: dict[str, Any] = {
    "kafka": {"bootstrap": "127.0.0.1:19092"},
    "connect": {"url": "http://127.0.0.1:18083"},
    "milvus": {"uri": "http://127.0.0.1:29530", "token_file": "/keys/milvus"},
    "postgres": {"host": "127.0.0.1", "port": 15432, "user": "u", "database": "d", "password_file": "/keys/pg"},
}


def stack_note(home: Path, content: object) -> dict[str, str]:
    text = content if isinstance(content, str) else json.dumps(content)
    (home / "stack.json").write_text(text)
    return {"FRESHLINE_HOME": str(home)}


def test_variables_are_read_by_prefix_and_others_ignored(tmp_path: Path) -> None:
    environ = {
        "FRESHLINE_HOME": str(tmp_path),
        "FRESHLINE_PERMISSION_LAG_LIMIT": "50ms",
        "KAFKA": "x",
        "FRESHLINE_OTHER": "x",
    }
    assert Settings.load(environ) == Settings(home=tmp_path, permission_lag_limit=0.05)


def test_every_wrong_variable_is_named_at_once(tmp_path: Path) -> None:
    wrong = {"PG_PORT": "many", "CORES": "0", "COLLECTION": "1; drop", "REQUEST_TIMEOUT": "soon"}
    environ = {"FRESHLINE_HOME": str(tmp_path), **{f"FRESHLINE_{name}": value for name, value in wrong.items()}}
    with pytest.raises(Misconfigured) as refused:
        Settings.load(environ)
    assert all(f"FRESHLINE_{name}: " in str(refused.value) for name in wrong)


def test_the_local_stack_says_where_its_parts_are_and_the_environment_wins(tmp_path: Path) -> None:
    environ = stack_note(tmp_path, {**STACK, "api": {"url": "http://127.0.0.1:18600"}}) | {"FRESHLINE_PG_USER": "me"}
    assert Settings.load(environ) == Settings(
        home=tmp_path,
        kafka="127.0.0.1:19092",
        connect_url="http://127.0.0.1:18083",
        milvus_uri="http://127.0.0.1:29530",
        milvus_token_file=Path("/keys/milvus"),
        pg_host="127.0.0.1",
        pg_port=15432,
        pg_user="me",
        pg_database="d",
        pg_password_file=Path("/keys/pg"),
        api_port=18600,
    )


@pytest.mark.parametrize("damaged", ["", "{", "[]", {}, {**STACK, "milvus": {}}, {**STACK, "kafka": None}], ids=str)
def test_a_damaged_note_of_the_local_stack_is_refused_in_words(tmp_path: Path, damaged: object) -> None:
    with pytest.raises(Misconfigured, match=r"damaged.*make up"):
        Settings.load(stack_note(tmp_path, damaged))


def test_settings_cannot_be_changed_later() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().kafka = "other"  # type: ignore[misc]


def test_a_secret_is_read_from_its_file_and_none_is_none(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    assert (read_secret(tmp_path / "token"), read_secret(None)) == ("s3cret", "")


@pytest.mark.parametrize("content", [None, b"s3cret\xff"], ids=["missing", "not text"])
def test_a_secret_that_cannot_be_read_is_refused_without_showing_it(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Misconfigured, match="token") as refused:
        read_secret(file)
    assert "s3cret" not in f"{refused.value!r} {refused.value.__cause__!r}"
    assert refused.value.__suppress_context__


def test_a_variable_that_is_no_setting_is_named_with_the_like_one_and_without_its_value() -> None:
    environ = {"FRESHLINE_HOME": "x", "HOME": "x", "FRESHLINE_MILVUS_URL": "s3cret", "FRESHLINE_ZZZ": "s3cret"}
    assert unknown_variables(environ) == [
        "FRESHLINE_MILVUS_URL is no setting of Freshline and changes nothing; did you mean FRESHLINE_MILVUS_URI?",
        "FRESHLINE_ZZZ is no setting of Freshline and changes nothing; schemas/settings.py lists all that there are",
    ]


def test_the_variables_of_the_compose_file_are_known() -> None:
    compose = Path(__file__).parents[3] / "infra" / "compose.yaml"
    named = set(re.findall(r"FRESHLINE_[A-Z_]+", compose.read_text()))
    assert len(named) == 6
    assert unknown_variables(dict.fromkeys(named, "x")) == []
