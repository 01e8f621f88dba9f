"""The local desk: tickets in one SQLite file, for a team without a ticket system, and for rehearsals."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from runbook_exec.change import Json, State
from runbook_exec.errors import Failed, Invalid, NoPen, Transient

FILE = "desk.sqlite"
VERSION = 2
"""2: tickets have a parent. A file of version 1 is read as it is, and gets one with the first write."""

_SCHEMA = """
CREATE TABLE ticket (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    client TEXT NOT NULL, key TEXT NOT NULL,
    title TEXT NOT NULL, text TEXT NOT NULL, queue TEXT NOT NULL, requester TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('open', 'closed')), at TEXT NOT NULL,
    parent INTEGER NOT NULL DEFAULT 0, UNIQUE (client, key)
);
CREATE TABLE comment (
    ticket INTEGER NOT NULL REFERENCES ticket, key TEXT NOT NULL,
    author TEXT NOT NULL, text TEXT NOT NULL, at TEXT NOT NULL, UNIQUE (ticket, key)
);
CREATE TABLE attachment (
    ticket INTEGER NOT NULL REFERENCES ticket, key TEXT NOT NULL,
    name TEXT NOT NULL, kind TEXT NOT NULL, content BLOB NOT NULL, at TEXT NOT NULL, UNIQUE (ticket, key)
);
"""


@contextmanager
def open_desk(connection: Mapping[str, Json], *, write: bool) -> Iterator[LocalDesk]:
    """The desk of the connection's client.

    Keys: `folder` (`.runbook` in the project folder if left out), `client` and `project`,
    which the application adds.
    """
    folder = Path(connection.get("project", ".")) / str(connection.get("folder", ".runbook"))
    db = _opened(folder / FILE, write=write)
    with closing(db):
        yield LocalDesk(db, client=str(connection.get("client", "")), folder=folder, write=write)


class LocalDesk:
    """A `TicketSystem` on an open SQLite connection; every write is durable when it returns."""

    def __init__(
        self,
        db: sqlite3.Connection,
        *,
        client: str,
        folder: Path,
        write: bool,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._db, self._client, self._folder, self._write, self._clock = db, client, folder, write, clock

    def open(
        self, *, key: str, title: str, text: str, queue: str = "", requester: str = "", parent: str = ""
    ) -> str:
        with self._writing():
            above = self._number(parent) if parent else 0
            self._db.execute(
                "INSERT INTO ticket (client, key, title, text, queue, requester, status, at, parent)"
                " VALUES (?,?,?,?,?,?,'open',?,?) ON CONFLICT DO NOTHING",
                (self._client, key, title, text, queue, requester, self._now(), above),
            )
        found = self.find_by_key(key)
        assert found is not None
        return found

    def comment(self, ticket: str, *, key: str, text: str, author: str) -> None:
        with self._writing():
            self._comment(self._number(ticket), key, text, author)

    def attach(self, ticket: str, *, key: str, name: str, kind: str, content: bytes) -> None:
        with self._writing():
            self._db.execute(
                "INSERT INTO attachment VALUES (?,?,?,?,?,?) ON CONFLICT DO NOTHING",
                (self._number(ticket), key, name, kind, content, self._now()),
            )

    def close(self, ticket: str, *, key: str, text: str = "", author: str = "") -> None:
        self._turn(ticket, "closed", key, text, author)

    def reopen(self, ticket: str, *, key: str, text: str = "", author: str = "") -> None:
        self._turn(ticket, "open", key, text, author)

    def read(self, ticket: str) -> State:
        with _said_in_words():
            row = self._row(ticket)
            if row is None:
                return None
            comments = self._db.execute(
                "SELECT key, author, text, at FROM comment WHERE ticket=? ORDER BY rowid", (row["id"],)
            )
            attachments = self._db.execute(
                "SELECT key, name, kind, length(content) AS size, at FROM attachment WHERE ticket=? ORDER BY rowid",
                (row["id"],),
            )
            return {
                **{name: row[name] for name in ("status", "title", "text", "queue", "requester")},
                "id": str(row["id"]),
                "parent": str(above) if (above := _parent(row)) else "",
                "children": self._children(row),
                "comments": [dict(found) for found in comments],
                "attachments": [dict(found) for found in attachments],
            }

    def content(self, ticket: str, key: str) -> bytes:
        with _said_in_words():
            row = self._db.execute(
                "SELECT content FROM attachment WHERE ticket=? AND key=?", (self._number(ticket), key)
            ).fetchone()
        if row is None:
            raise Failed(f"ticket {ticket} has no attachment {key!r}")
        return bytes(row["content"])

    def find_by_key(self, key: str) -> str | None:
        with _said_in_words():
            row = self._db.execute(
                "SELECT id FROM ticket WHERE client=? AND key=?", (self._client, key)
            ).fetchone()
        return None if row is None else str(row["id"])

    def about(self) -> str:
        with _said_in_words():
            (number,) = self._db.execute(
                "SELECT count(*) FROM ticket WHERE client=?", (self._client,)
            ).fetchone()
        return f"the local desk in {self._folder} answers, {number} tickets"

    def may(self) -> Mapping[str, bool]:
        return {}  # who may read and write is a matter of the file's rights

    def _children(self, row: sqlite3.Row) -> list[str]:
        if "parent" not in row.keys():  # noqa: SIM118 - a row is no mapping
            return []
        found = self._db.execute("SELECT id FROM ticket WHERE parent=? ORDER BY id", (row["id"],))
        return [str(child[0]) for child in found]

    def _turn(self, ticket: str, status: str, key: str, text: str, author: str) -> None:
        with self._writing():
            number = self._number(ticket)
            self._db.execute("UPDATE ticket SET status=? WHERE id=?", (status, number))
            if text:
                self._comment(number, key, text, author)

    def _comment(self, number: int, key: str, text: str, author: str) -> None:
        self._db.execute(
            "INSERT INTO comment VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
            (number, key, author, text, self._now()),
        )

    def _row(self, ticket: str) -> sqlite3.Row | None:
        if not ticket.isascii() or not ticket.isdigit() or len(ticket) > 18:
            return None
        row: sqlite3.Row | None = self._db.execute(
            "SELECT * FROM ticket WHERE id=? AND client=?", (int(ticket), self._client)
        ).fetchone()
        return row

    def _number(self, ticket: str) -> int:
        row = self._row(ticket)
        if row is None:
            raise Failed(
                f"there is no ticket {ticket!r}", where=str(self._folder), next_move="check the number"
            )
        return int(row["id"])

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction: all of it is durable, or nothing."""
        if not self._write:
            raise NoPen("this desk is open for reading only", next_move="a dry run writes no tickets")
        with _said_in_words():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _now(self) -> str:
        return self._clock().isoformat(timespec="seconds")


def _parent(row: sqlite3.Row) -> int:
    return int(row["parent"]) if "parent" in row.keys() else 0  # noqa: SIM118 - a row is no mapping


def _opened(path: Path, *, write: bool) -> sqlite3.Connection:
    with _said_in_words(path):
        if not write:
            return _read_only(path)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("PRAGMA foreign_keys=ON")
        return _of_known_version(_prepared(db), path)


def _read_only(path: Path) -> sqlite3.Connection:
    """The file, opened so that SQLite itself refuses writes; an empty desk where there is none yet."""
    if path.exists():
        uri = f"{path.resolve().as_uri()}?mode=ro"
        db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
        db.row_factory = sqlite3.Row
        if _version(db):
            return db if _version(db) == 1 else _of_known_version(db, path)
        db.close()
    return _prepared(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))


def _prepared(db: sqlite3.Connection) -> sqlite3.Connection:
    """With the tables, made once by whoever comes first."""
    db.row_factory = sqlite3.Row
    db.execute("BEGIN IMMEDIATE")
    if not _version(db):
        for statement in _SCHEMA.split(";\n"):
            db.execute(statement)
    elif _version(db) == 1:
        db.execute("ALTER TABLE ticket ADD COLUMN parent INTEGER NOT NULL DEFAULT 0")
    if _version(db) < VERSION:
        db.execute(f"PRAGMA user_version={VERSION}")
    db.execute("COMMIT")
    return db


def _of_known_version(db: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    if (found := _version(db)) != VERSION:
        db.close()
        raise Invalid(
            f"this desk was written by another version ({found}, this one knows {VERSION})",
            where=str(path),
            next_move="use the newer version of this program",
        )
    return db


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _said_in_words(path: Path | None = None) -> Iterator[None]:
    """SQLite's and the file system's troubles as errors that a person can act on."""
    where = str(path or "local desk")
    try:
        yield
    except OSError as error:
        raise Invalid(
            f"the desk cannot be opened: {error.strerror}",
            where=where,
            next_move="check folder: and its rights",
        ) from error
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise Transient("the desk is busy", where=where, next_move="try again") from error
        raise Failed(
            f"the desk does not work: {error}", where=where, next_move="is the disk full?"
        ) from error
    except sqlite3.DatabaseError as error:
        what = f"the desk's file is damaged: {error}"
        raise Failed(what, where=where, next_move="put a copy back, or move it away") from error
