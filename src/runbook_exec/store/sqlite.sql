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
    subject TEXT NOT NULL, -- a keyed hash, see keys.py; a run without a subject is one by itself
    runbook TEXT NOT NULL,
    open    INTEGER NOT NULL -- 0: over; 1: holds its subject; 2: goes on beside other runs about it
);
CREATE UNIQUE INDEX IF NOT EXISTS one_open_run_per_subject
    ON runs (client, subject) WHERE open = 1;
-- Who works on a run. The fence grows with every new owner and is checked at each append.
CREATE TABLE IF NOT EXISTS leases (
    run   TEXT PRIMARY KEY,
    fence INTEGER NOT NULL,
    owner TEXT NOT NULL,
    until REAL NOT NULL
);

-- name: checkpoint_tables
-- How far each chain goes, and how far the newest checkpoint says so: changed heads are found without reading
-- events. Not state: it follows from events and checkpoints.
CREATE TABLE IF NOT EXISTS heads (
    client  TEXT NOT NULL,
    run     TEXT NOT NULL,
    seq     INTEGER NOT NULL,
    hash    TEXT NOT NULL,
    at      TEXT NOT NULL,
    checked INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (client, run)
) WITHOUT ROWID;
INSERT OR IGNORE INTO heads (client, run, seq, hash, at)
    SELECT client, run, seq, hash, at FROM events AS newest
    WHERE seq = (SELECT max(seq) FROM events WHERE events.run = newest.run);
CREATE INDEX IF NOT EXISTS uncovered_heads ON heads (client) WHERE seq > checked;
-- Signed statements of how far the runs go. The body is kept as it was signed.
CREATE TABLE IF NOT EXISTS checkpoints (
    client     TEXT NOT NULL,
    number     INTEGER NOT NULL,
    at         TEXT NOT NULL,
    events     INTEGER NOT NULL,
    hash       TEXT NOT NULL,
    body       BLOB NOT NULL,
    signatures BLOB NOT NULL,
    PRIMARY KEY (client, number)
) WITHOUT ROWID;
-- Receipts of the copies of checkpoints out of our reach.
CREATE TABLE IF NOT EXISTS anchors (
    client     TEXT NOT NULL,
    checkpoint INTEGER NOT NULL,
    at         TEXT NOT NULL,
    kind       TEXT NOT NULL,
    receipt    BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS anchors_by_checkpoint ON anchors (client, checkpoint);

-- name: version
SELECT value FROM meta WHERE name = 'schema';

-- name: set_version
INSERT OR REPLACE INTO meta VALUES ('schema', ?);

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

-- name: leave_subject
UPDATE runs SET open = 2 WHERE run = ?;

-- name: open_heads
SELECT e.client, e.run, e.seq, e.at, e.who, e.kind, e.body, e.before, e.hash FROM runs JOIN events AS e
ON e.run = runs.run AND e.seq = (SELECT MAX(seq) FROM events WHERE run = runs.run) WHERE runs.client = ? AND open > 0;

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

-- name: store
SELECT value FROM meta WHERE name = 'store';

-- name: note_head
INSERT INTO heads (client, run, seq, hash, at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (client, run) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, at = excluded.at;

-- name: uncovered
SELECT run, seq, hash, at, checked FROM heads WHERE client = ? AND seq > checked ORDER BY run;

-- name: count_uncovered
SELECT coalesce(sum(seq - checked), 0) FROM heads WHERE client = ? AND seq > checked;

-- name: covered
UPDATE heads SET checked = seq WHERE client = ? AND seq > checked;

-- name: add_checkpoint
INSERT INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: newest_checkpoint
SELECT number, at, events, hash, body, signatures FROM checkpoints WHERE client = ? ORDER BY number DESC LIMIT 1;

-- name: checkpoint
SELECT number, at, events, hash, body, signatures FROM checkpoints WHERE client = ? AND number = ?;

-- name: checkpoints
SELECT number, body, signatures FROM checkpoints WHERE client = ? ORDER BY number;

-- name: name_log
INSERT OR IGNORE INTO meta VALUES (?, ?);

-- name: log
SELECT value FROM meta WHERE name = ?;

-- name: add_anchor
INSERT INTO anchors VALUES (?, ?, ?, ?, ?);

-- name: newest_anchor
SELECT checkpoint, at FROM anchors WHERE client = ? ORDER BY checkpoint DESC, at DESC LIMIT 1;

-- name: anchors
SELECT checkpoint, at, kind, receipt FROM anchors WHERE client = ? ORDER BY checkpoint, at;

-- name: segment
SELECT client, run, seq, at, who, kind, body, before, hash FROM events
WHERE client = ? AND run = ? AND seq > ? AND seq <= ? ORDER BY seq;

-- name: rest
SELECT client, run, seq, at, who, kind, body, before, hash FROM events
WHERE client = ? AND run = ? AND seq > ? ORDER BY seq;

-- name: receipts
SELECT receipt FROM anchors WHERE client = ? AND checkpoint = ? ORDER BY at;

-- name: checkpoint_before
SELECT max(number) FROM checkpoints WHERE client = ? AND at < ?;

-- name: runs_of_events
WITH RECURSIVE each (run) AS (
    SELECT min(run) FROM events
    UNION ALL
    SELECT (SELECT min(run) FROM events WHERE events.run > each.run) FROM each WHERE run IS NOT NULL
)
SELECT run FROM each WHERE run IS NOT NULL;

-- name: first_events
SELECT events.client, events.run, events.seq, events.at, who, kind, body, before, hash
FROM runs JOIN events ON events.run = runs.run AND events.seq = 1
WHERE runs.client = ?1 AND events.at >= ?2 AND events.at < ?3 ORDER BY events.at, events.run;

-- name: runs_about
SELECT run FROM runs WHERE client = ?1 AND subject IN (SELECT value FROM json_each(?2)) ORDER BY rowid;

-- name: told
SELECT run, seq, at, kind FROM events
WHERE client = ?1 AND kind IN (SELECT value FROM json_each(?2)) AND at >= ?3 AND at < ?4 ORDER BY at, run, seq;

-- name: set_store
INSERT OR REPLACE INTO meta VALUES ('store', ?);

-- name: all_subjects
SELECT run, client, subject FROM runs;

-- name: hash_subject
UPDATE runs SET subject = ? WHERE run = ?;

-- name: old_keys
SELECT client, subject, key FROM subject_keys;

-- name: forget_old_keys
DELETE FROM subject_keys;

-- name: drop_old_keys
DROP TABLE subject_keys;

-- name: subject_of
SELECT subject FROM runs WHERE run = ?;

-- name: runs_of
SELECT run, client, subject, runbook, open FROM runs WHERE client = ? AND subject = ? ORDER BY rowid;

-- name: erasures
SELECT body FROM events WHERE run >= 'project-' AND run < 'project.' AND kind = 'subject.erased';
