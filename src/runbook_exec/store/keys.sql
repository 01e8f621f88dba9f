-- The keys of subjects, in a file of their own: a backup of the journal brings nobody back.

-- name: tables
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL);
-- `name` is a keyed hash of client and subject. With the row gone, nobody reads what was sealed under it.
CREATE TABLE keys (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, secret BLOB NOT NULL) WITHOUT ROWID;

-- name: meta
SELECT value FROM meta WHERE name = ?;

-- name: set_meta
INSERT OR REPLACE INTO meta VALUES (?, ?);

-- name: key
SELECT id, secret FROM keys WHERE name = ?;

-- name: secret
SELECT secret FROM keys WHERE id = ?;

-- name: add
INSERT OR IGNORE INTO keys VALUES (?, ?, ?);

-- name: remove
DELETE FROM keys WHERE id = ?;

-- name: number
SELECT count(*) FROM keys;
