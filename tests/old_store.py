"""A journal as version 1 of the program made it: bodies, subjects and their keys in clear, no checkpoints."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

from runbook_exec.journal import FIRST, Event, encoded

SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE events (
    client TEXT NOT NULL, run TEXT NOT NULL, seq INTEGER NOT NULL, at TEXT NOT NULL, who TEXT NOT NULL,
    kind TEXT NOT NULL, body BLOB NOT NULL, before TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (run, seq)
) WITHOUT ROWID;
CREATE TABLE runs (
    run TEXT PRIMARY KEY, client TEXT NOT NULL, subject TEXT NOT NULL, runbook TEXT NOT NULL, open INTEGER NOT NULL
);
CREATE UNIQUE INDEX one_open_run_per_subject ON runs (client, subject) WHERE open = 1 AND subject <> '';
CREATE TABLE leases (run TEXT PRIMARY KEY, fence INTEGER NOT NULL, owner TEXT NOT NULL, until REAL NOT NULL);
CREATE TABLE subject_keys (
    client TEXT NOT NULL, subject TEXT NOT NULL, key BLOB NOT NULL, PRIMARY KEY (client, subject)
);
INSERT INTO meta VALUES ('schema', '1');
"""


def old_store(
    path: Path,
    runs: Mapping[str, Sequence[tuple[str, Mapping]]],
    *,
    client: str = "c",
    subjects: Mapping[str, str] | None = None,
    keys: Mapping[str, bytes] | None = None,
    open_runs: Sequence[str] = (),
) -> None:
    """Make the file: kinds and bodies by run, the subject of each run, the commitment key of each subject."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.executescript(SCHEMA)
    for number, (run, happened) in enumerate(runs.items()):
        before = FIRST
        db.execute(
            "INSERT INTO runs VALUES (?, ?, ?, 'b', ?)",
            (run, client, (subjects or {}).get(run, ""), int(run in open_runs)),
        )
        db.execute("INSERT INTO leases VALUES (?, 1, 'p', 0)", (run,))
        for seq, (kind, body) in enumerate(happened, 1):
            at = f"2026-03-02T07:{number:02}:{seq:02}.000000+00:00"
            event = Event(
                client=client, run=run, seq=seq, at=at, who="mia", kind=kind, body=body, before=before
            ).hashed()
            row = (client, run, seq, at, "mia", kind, encoded(body), before, event.hash)
            db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
            before = event.hash
    db.executemany(
        "INSERT INTO subject_keys VALUES (?, ?, ?)",
        [(client, name, key) for name, key in (keys or {}).items()],
    )
    db.commit()
    db.close()
