"""Where the doubles keep their state: JSON objects by table and key, in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Shelf:
    """A durable mapping of (table, key) to a JSON object; survives restarts of the sandbox.

    One process writes; others (`runbook sandbox look`) may read at the same time.
    Objects come back as fresh copies: change one, then `put` it.
    """

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")  # a rehearsal may forget its last moment in a power cut
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS shelf (tab TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (tab, key))"
        )

    def get(self, table: str, key: str) -> dict[str, Any] | None:
        row = self._db.execute("SELECT body FROM shelf WHERE tab=? AND key=?", (table, key)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, table: str, key: str, body: dict[str, Any]) -> None:
        self._db.execute(
            "INSERT INTO shelf VALUES (?,?,?) ON CONFLICT (tab, key) DO UPDATE SET body = excluded.body",
            (table, key, json.dumps(body)),
        )

    def drop(self, table: str, key: str) -> None:
        self._db.execute("DELETE FROM shelf WHERE tab=? AND key=?", (table, key))

    def items(self, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """All objects of a table, in the order in which they were first put."""
        rows = self._db.execute("SELECT key, body FROM shelf WHERE tab=? ORDER BY rowid", (table,)).fetchall()
        for key, body in rows:
            yield key, json.loads(body)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is put and dropped in here is kept all or none, whatever kills the process."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def stamp(self) -> tuple[int, int]:
        """Changes whenever anybody, in this process or another, has written anything."""
        row = self._db.execute("PRAGMA data_version").fetchone()
        return self._db.total_changes, int(row[0])

    def clear(self) -> None:
        self._db.execute("DELETE FROM shelf")

    def close(self) -> None:
        self._db.close()
