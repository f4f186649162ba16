"""PostgreSQL: a private cluster with logical decoding on, password (scram) over loopback TCP only."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import ClassVar

import psutil
import psycopg
from psycopg import sql

from infra.local.accounts import own, reachable_folder, server_account
from infra.local.home import DATABASE, HOST, SUPERUSER, Home, answers, secret
from infra.local.part import Part, Report, inherited_environment
from infra.local.prerequisites import postgres_binaries
from infra.local.processes import Launch, tail, wait_gone
from schemas.errors import Misconfigured, Unavailable
from schemas.settings import read_secret

SETTINGS: dict[str, object] = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "wal_level": "logical",
    "max_replication_slots": 20,
    "max_wal_senders": 20,
    "shared_buffers": "64MB",
    "max_connections": 100,
}


class Postgres(Part):
    """The cluster lies in `<home>/postgres/cluster`, or in /var/lib/freshline where that is out of its
    account's reach (see accounts.py); `folder` says which."""

    name: ClassVar[str] = "postgres"
    polite: ClassVar[signal.Signals] = signal.SIGINT  # "fast": ends sessions, keeps every commit

    def __init__(self, home: Home, port: int, report: Report) -> None:
        super().__init__(home, port, report)
        self._account = server_account()
        self.folder = reachable_folder(self.folder, self._account)
        self._cluster = self.folder / "cluster"

    def prepare(self) -> None:
        """Create the cluster the first time; after a crash, wait for orphans and remove the stale lock."""
        if not (self._cluster / "PG_VERSION").exists():
            self._create_cluster()
        elif not self.home.postgres_password.exists():
            raise Misconfigured(
                f"the password file {self.home.postgres_password} is gone: put it back, or delete "
                f"{self.folder} to start with an empty database"
            )
        if not wait_gone(self.strays(), 20.0):
            raise Unavailable("postgres", f"an earlier server still works in {self._cluster}")
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def launch(self) -> Launch:
        settings = {"port": self.port, **SETTINGS}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Launch(
            command=[str(postgres_binaries() / "postgres"), "-D", str(self._cluster), *options],
            environment=inherited_environment(),
            folder=self._cluster,
            fingerprint=str(self.port),
            account=self._account,
        )

    def healthy(self) -> bool:
        if not answers(self.port):
            return False
        try:
            with self._connection():
                return True
        except psycopg.Error:
            return False

    def furnish(self) -> None:
        """The database `company`."""
        with self._connection() as connection:
            if connection.execute("select 1 from pg_database where datname = %s", [DATABASE]).fetchone() is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))

    def strays(self) -> list[psutil.Process]:
        """Whatever works in the cluster's folder: backends outlive a killed postmaster for a moment."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.cwd() == str(self._cluster):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def _create_cluster(self) -> None:
        """Into a draft, renamed when complete. The password reaches initdb by a file, removed at once."""
        self.report(f"postgres: creating the cluster in {self.folder}")
        own(self.folder, self._account)
        draft, words = self.folder / "draft", self.folder / "initdb.password"
        shutil.rmtree(draft, ignore_errors=True)
        words.unlink(missing_ok=True)
        try:
            words.touch(mode=0o600)
            if self._account is not None:
                os.chown(words, self._account.uid, self._account.gid)
            words.write_text(secret(self.home.postgres_password))
            self._initdb(draft, words)
        finally:
            words.unlink(missing_ok=True)
        draft.rename(self._cluster)

    def _initdb(self, draft: Path, words: Path) -> None:
        program = str(postgres_binaries() / "initdb")
        trust = ["--auth=scram-sha-256", f"--username={SUPERUSER}", f"--pwfile={words}"]
        text = ["--encoding=UTF8", "--locale=C.UTF-8"]
        with self.log.open("ab") as log:
            done = subprocess.run(
                [program, f"--pgdata={draft}", *trust, *text],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=inherited_environment(),
                user=self._account.uid if self._account else None,
                group=self._account.gid if self._account else None,
                extra_groups=[] if self._account else None,
                timeout=120,
            )
        if done.returncode != 0:
            raise Unavailable("postgres", f"initdb failed; {self.log} ends with:\n{tail(self.log)}")

    def _connection(self) -> psycopg.Connection:
        return psycopg.connect(
            host=HOST,
            port=self.port,
            user=SUPERUSER,
            password=read_secret(self.home.postgres_password),
            dbname="postgres",
            connect_timeout=3,
            autocommit=True,
        )
