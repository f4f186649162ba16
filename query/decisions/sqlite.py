"""The decision log in a SQLite file: the default, for one machine and any number of processes on it.

Durable to a power cut (synchronous=FULL; 0.2 ms a commit on a plain disk). What the tables can be searched by is
computed from the envelope by SQLite itself, so that it cannot say otherwise.
"""

import fcntl
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from query.decisions.entry import Entry, Payload
from query.decisions.store import Make, Role, Runs
from schemas.decision import Kind
from schemas.errors import Misconfigured, Unavailable

PART = "the decision store"
WAIT_S = 2.0
"""For another process's turn to write."""
_TENANT = "json_extract(envelope, '$.tenant')"
_TABLES = f"""
CREATE TABLE IF NOT EXISTS log (
  sequence INTEGER PRIMARY KEY,
  envelope TEXT NOT NULL,
  seal BLOB NOT NULL,
  id TEXT GENERATED ALWAYS AS (json_extract(envelope, '$.id')) VIRTUAL,
  kind TEXT GENERATED ALWAYS AS (json_extract(envelope, '$.kind')) VIRTUAL
);
CREATE UNIQUE INDEX IF NOT EXISTS log_id ON log (id);
CREATE INDEX IF NOT EXISTS log_kind ON log (kind, sequence);
CREATE INDEX IF NOT EXISTS log_tenant ON log ({_TENANT}, sequence);
CREATE TABLE IF NOT EXISTS payloads (sequence INTEGER PRIMARY KEY, salt BLOB NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS shown (
  revocation_id TEXT, sequence INTEGER, rows INTEGER NOT NULL, PRIMARY KEY (revocation_id, sequence)
) WITHOUT ROWID;
"""
_ENTRIES = """
SELECT sequence, CAST(envelope AS TEXT), CAST(seal AS BLOB), CAST(salt AS BLOB), CAST(body AS TEXT)
FROM log LEFT JOIN payloads USING (sequence)
"""


class SqliteDecisions:
    """A DecisionStore. Raises Misconfigured for a file that is no SQLite database, Unavailable for one out of reach."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writing, self._reading = Lock(), Lock()
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.touch(mode=0o600)
            self._writer, self._reader = self._connect(), self._connect()
            self._writer.executescript(_TABLES)
        except (OSError, sqlite3.OperationalError) as error:
            raise Unavailable(PART, f"{file}: {error}") from None
        except sqlite3.DatabaseError as error:
            raise Misconfigured(f"{file} is not a decision log: {error}; move it away") from None

    def append(self, make: Make, erased: Runs = ()) -> None:
        with self._writing, _troubles():
            writer = self._writer
            writer.execute("BEGIN IMMEDIATE")
            try:
                (last,) = writer.execute("SELECT coalesce(max(sequence), 0) FROM log").fetchone()
                for entry in make(last + 1):
                    self._insert(entry)
                writer.executemany("DELETE FROM payloads WHERE sequence BETWEEN ? AND ?", erased)
                writer.execute("COMMIT")
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise
            if erased:
                # What is taken away must not stay in the write-ahead log either.
                writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def read(self, after: int, limit: int) -> list[Entry]:
        return self._entries("WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, limit))

    def read_back(self, tenant: str, before: int | None, limit: int) -> list[Entry]:
        where = f"WHERE {_TENANT} = :tenant " + ("" if before is None else "AND sequence < :before ")
        asked: dict[str, object] = {"tenant": tenant, "before": before, "limit": limit}
        return self._entries(f"{where}ORDER BY sequence DESC LIMIT :limit", asked)

    def find(self, record_id: str | None = None, kind: Kind | None = None, limit: int = 1) -> list[Entry]:
        asked = {"id": record_id, "kind": kind}
        terms = " AND ".join(f"{column} = :{column}" for column, value in asked.items() if value is not None)
        where = f"WHERE {terms} " if terms else ""
        return self._entries(f"{where}ORDER BY sequence DESC LIMIT :limit", {**asked, "limit": limit})

    def rows_shown(self, revocation_ids: Collection[str]) -> int:
        holes = ", ".join("?" * len(revocation_ids))
        asked = f"SELECT DISTINCT sequence, rows FROM shown WHERE revocation_id IN ({holes})"
        with self._reading, _troubles():
            found = self._reader.execute(f"SELECT coalesce(sum(rows), 0) FROM ({asked})", tuple(revocation_ids))
            return int(found.fetchone()[0])

    @contextmanager
    def lead(self, role: Role) -> Iterator[bool]:
        with self._file.with_name(f"{self._file.stem}.{role}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def close(self) -> None:
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    def _insert(self, entry: Entry) -> None:
        self._writer.execute(
            "INSERT INTO log (sequence, envelope, seal) VALUES (?, ?, ?)", (entry.sequence, entry.envelope, entry.seal)
        )
        if entry.payload is not None:
            payload = (entry.sequence, entry.payload.salt, entry.payload.body)
            self._writer.execute("INSERT INTO payloads VALUES (?, ?, ?)", payload)
        envelope = entry.opened()
        shown = [(revocation_id, entry.sequence, envelope.rows) for revocation_id in set(envelope.chain)]
        self._writer.executemany("INSERT INTO shown VALUES (?, ?, ?)", shown)

    def _entries(self, which: str, values: tuple[int, ...] | dict[str, object]) -> list[Entry]:
        with self._reading, _troubles():
            rows = self._reader.execute(f"{_ENTRIES} {which}", values).fetchall()
        return [
            Entry(sequence, envelope, seal, None if body is None else Payload(salt, body))
            for sequence, envelope, seal, salt, body in rows
        ]

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._file, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
        # Bytes that are no text were put there by somebody else: `verify` is to say so, not to stumble.
        connection.text_factory = lambda raw: raw.decode(errors="replace")
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")
        return connection


@contextmanager
def _troubles() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise Unavailable(PART, f"SQLite: {error}") from None
