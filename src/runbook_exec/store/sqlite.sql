-- The embedded store. Every statement that it ever runs stands here, by name.

-- name: tables
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    client TEXT NOT NULL,
    run    TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    at     TEXT NOT NULL,
    who    TEXT NOT NULL,
    kind   TEXT NOT NULL,
    body   BLOB NOT NULL,
    before TEXT NOT NULL,
    hash   TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) WITHOUT ROWID;
-- Which runs there are, and which subject each holds until it is over. Not state: both follow from events.
CREATE TABLE IF NOT EXISTS runs (
    run     TEXT PRIMARY KEY,
    client  TEXT NOT NULL,
    subject TEXT NOT NULL,
    runbook TEXT NOT NULL,
    open    INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS one_open_run_per_subject
    ON runs (client, subject) WHERE open = 1 AND subject <> '';
-- Who works on a run. The fence grows with every new owner and is checked at each append.
CREATE TABLE IF NOT EXISTS leases (
    run   TEXT PRIMARY KEY,
    fence INTEGER NOT NULL,
    owner TEXT NOT NULL,
    until REAL NOT NULL
);
-- Keys for commitments, one per subject: with the key gone, its values cannot be guessed from digests.
CREATE TABLE IF NOT EXISTS subject_keys (
    client TEXT NOT NULL, subject TEXT NOT NULL, key BLOB NOT NULL, PRIMARY KEY (client, subject)
);

-- name: version
SELECT value FROM meta WHERE name = 'schema';

-- name: set_version
INSERT OR IGNORE INTO meta VALUES ('schema', ?);

-- name: head
SELECT seq, hash FROM events WHERE run = ? ORDER BY seq DESC LIMIT 1;

-- name: append
INSERT INTO events (client, run, seq, at, who, kind, body, before, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: events
SELECT client, run, seq, at, who, kind, body, before, hash FROM events WHERE run = ? AND seq > ? ORDER BY seq;

-- name: add_run
INSERT INTO runs (run, client, subject, runbook, open) VALUES (?, ?, ?, ?, 1);

-- name: open_run_of
SELECT run FROM runs WHERE client = ? AND subject = ? AND open = 1;

-- name: close_run
UPDATE runs SET open = 0 WHERE run = ?;

-- name: runs
SELECT run, client, subject, runbook, open FROM runs WHERE client = ? ORDER BY rowid DESC LIMIT ?;

-- name: runs_with
SELECT run FROM runs WHERE client = ?1 AND EXISTS (SELECT 1 FROM events WHERE events.run = runs.run AND kind = ?2)
ORDER BY rowid DESC;

-- name: matching
SELECT run FROM runs WHERE client = ?1 AND (run LIKE ?2 || '%' OR run LIKE '%-' || ?2 || '%') ORDER BY rowid DESC LIMIT 3;

-- name: lease
SELECT fence, owner, until FROM leases WHERE run = ?;

-- name: take_lease
INSERT INTO leases (run, fence, owner, until) VALUES (?, 1, ?, ?)
ON CONFLICT (run) DO UPDATE SET fence = fence + 1, owner = excluded.owner, until = excluded.until;

-- name: renew_lease
UPDATE leases SET until = ? WHERE run = ? AND fence = ?;

-- name: release_lease
UPDATE leases SET until = 0 WHERE run = ? AND fence = ?;

-- name: key
SELECT key FROM subject_keys WHERE client = ? AND subject = ?;

-- name: add_key
INSERT OR IGNORE INTO subject_keys VALUES (?, ?, ?);
