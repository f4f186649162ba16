"""Where a source's database is and who logs in, from the contract's references and the settings."""

import re
from collections.abc import Mapping
from pathlib import Path

from schemas.enforcement import Login
from schemas.errors import Misconfigured
from schemas.settings import Settings, read_secret

_REFERENCE = re.compile(r"\$\{(env|file):([^}]+)\}")


def connection_of(login: Login, settings: Settings, environ: Mapping[str, str]) -> dict[str, str | int | None]:
    """What psycopg connects with. The password is read anew with each call, so that it can change.

    Whoever names a user brings its password: ours is not sent along. Raises Misconfigured for a reference to nothing,
    never showing a value.
    """
    given = {name: _resolved(value, environ) for name, value in login.model_dump().items()}
    password = given["password"] if login.password or login.user else read_secret(settings.pg_password_file) or None
    return {
        "host": given["host"] or settings.pg_host,
        "port": given["port"] or settings.pg_port,
        "dbname": given["dbname"] or settings.pg_database,
        "user": given["user"] or settings.pg_user,
        "password": password,
        "sslmode": given["sslmode"],
    }


def _resolved(value: str | int | None, environ: Mapping[str, str]) -> str | int | None:
    return _REFERENCE.sub(lambda found: _referred(found, environ), value) if isinstance(value, str) else value


def _referred(found: re.Match[str], environ: Mapping[str, str]) -> str:
    kind, name = found.groups()
    if kind == "file":
        return read_secret(Path(name))
    if name not in environ:
        raise Misconfigured(f"a contract refers to ${{env:{name}}}, which is not set")
    return environ[name]
