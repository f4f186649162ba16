"""Whom PostgreSQL runs as: it refuses root, so root lends it an unprivileged account."""

import hashlib
import os
import pwd
import subprocess
from pathlib import Path

from infra.local.processes import Account
from schemas.errors import Misconfigured

CANDIDATES = ("postgres", "nobody")
FALLBACK = Path("/var/lib/freshline")


def server_account() -> Account | None:
    """None when we are not root: the server runs as ourselves. Raises Misconfigured if root finds none."""
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise Misconfigured(f"PostgreSQL refuses to run as root, and there is no account {' or '.join(CANDIDATES)}")


def reachable_folder(wanted: Path, account: Account | None) -> Path:
    """`wanted`, or a twin in /var/lib/freshline where `account` may not go (a home under a root-only folder).

    The twin's name is made from `wanted`, so the same home always finds its own again.
    """
    if account is None or _may_enter(wanted.parent, account):
        return wanted
    return FALLBACK / f"{wanted.name}-{hashlib.sha256(str(wanted).encode()).hexdigest()[:12]}"


def own(folder: Path, account: Account | None) -> None:
    """Make a folder that only `account` may look into. Idempotent."""
    folder.mkdir(parents=True, exist_ok=True)
    if account is not None:
        os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def _may_enter(folder: Path, account: Account) -> bool:
    """Asked as that account itself: modes, groups and access lists all count."""
    done = subprocess.run(
        ["test", "-x", str(folder)],
        cwd="/",
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        stderr=subprocess.DEVNULL,
    )
    return done.returncode == 0
