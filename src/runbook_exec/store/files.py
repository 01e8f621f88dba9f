"""One SQLite file of the store: opened durable, its statements by name, its troubles in words."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from runbook_exec.errors import JournalError

BUSY_MS = 10_000


class StoreFile:
    """A connection with `journal_mode=WAL, synchronous=FULL`; errors name the file and the next move."""

    def __init__(self, path: Path, *, what: str) -> None:
        self.path, self.what = path, what
        self._lock = threading.Lock()
        try:
            if not path.exists():
                path.touch(mode=0o600)
                if path.parent.stat().st_mode & stat.S_IWGRP:
                    path.chmod(0o660)  # a folder that was made for a group is for the whole desk
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA secure_delete=ON")
        except (sqlite3.Error, OSError) as error:
            raise self.trouble(error) from error

    def close(self) -> None:
        """Close the connection. The last one out writes the log back into the file."""
        self._db.close()

    @property
    def has_written(self) -> bool:
        """Whether anything was written through this connection."""
        return self._db.total_changes > 0

    def has(self, table: str) -> bool:
        """Whether the file has a table of this name."""
        with self.reading() as db:
            return db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for statements that only read."""
        try:
            with self._lock:
                yield self._db
        except sqlite3.Error as error:
            raise self.trouble(error) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection, for statements that are all done, durably, or not at all."""
        try:
            with self._lock:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield self._db
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:  # a failed commit may have ended it already
                        self._db.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise self.trouble(error) from error

    def cut_log(self) -> bool:
        """Write the log back into the file and empty it; False while somebody else still reads it."""
        with self.reading() as db:
            (busy, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def rewrite(self) -> None:
        """Write the whole file anew, so that nothing is left between its rows."""
        with self.reading() as db:
            db.execute("VACUUM")

    def trouble(self, error: Exception | str) -> JournalError:
        """What went wrong with the file, in words, with the next move."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        told, next_move = _TROUBLES.get(code, (_OTHER, _LOOK))
        return JournalError(
            told.format(what=self.what, error=error),
            where=str(self.path),
            next_move=next_move.format(path=self.path),
        )


_OTHER = "the {what} cannot be used: {error}"
_LOOK = "check disk space and rights of the folder; nothing is done without it"
_BACKUP = (
    "put journal.sqlite and keys.sqlite of the same backup back; keep this file: it may tell what happened"
)
_TROUBLES = {
    sqlite3.SQLITE_BUSY: (
        "another process holds the {what} and does not let go of it",
        "`fuser {path}` tells which; if it stands still, end it; then try again",
    ),
    sqlite3.SQLITE_NOTADB: ("the {what} cannot be used: the file is no database", _BACKUP),
    sqlite3.SQLITE_CORRUPT: ("the {what} cannot be used: the file is damaged", _BACKUP),
    sqlite3.SQLITE_FULL: (
        "the {what} cannot be written: the disk is full",
        "make room on the disk, then go on; nothing is done without a record",
    ),
    sqlite3.SQLITE_READONLY: (
        "the {what} cannot be written: file or folder is read-only",
        "give whoever runs this the right to write {path} and its folder; nothing is done without a record",
    ),
}


def statements(name: str) -> Mapping[str, str]:
    """The statements of a .sql file by their `-- name:` line."""
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for part in text.split("-- name: ")[1:]:
        title, _, body = part.partition("\n")
        found[title.strip()] = body.strip()
    return found
