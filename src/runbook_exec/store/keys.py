"""The key of each subject, in a file of its own: what is sealed in the journal lives and dies with it.

A key is durable before the first event that is sealed under it. A deleted one is looked for in
the bytes of the file and of its log before anyone is told that it is gone.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from runbook_exec.errors import JournalError
from runbook_exec.journal import folded
from runbook_exec.sealing import Key
from runbook_exec.store.files import StoreFile, statements

VERSION = 1
_SQL = "keys.sql"


def itself(run: str) -> str:
    """The subject of a run that is about nobody in particular: it can be erased by itself."""
    return f"run {run}"


class SubjectKeys:
    """All keys of one store. Safe to use from several threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sql = statements(_SQL)
        self._file = StoreFile(path, what="file of keys")
        self._pepper = b""
        if self._file.has("meta"):
            self._check_version()

    def _check_version(self) -> None:
        told = (self._meta("schema") or b"0").decode(errors="replace")
        found = int(told) if told.isdecimal() else told
        if found != VERSION:
            raise JournalError(
                f"the file of keys has schema {found}, this program knows {VERSION}",
                where=str(self.path),
                next_move="use the newer program",
            )

    def close(self) -> None:
        self._file.close()

    @property
    def is_new(self) -> bool:
        """True while nothing was ever written to the file."""
        return not self._file.has("meta")

    @property
    def store(self) -> str:
        """The id of the store that these keys belong to."""
        return (self._meta("store") or b"").decode()

    @property
    def is_paired(self) -> bool:
        """True once the journal that these keys belong to is there."""
        return bool(self._meta("paired"))

    def begin(self, store: str) -> None:
        """Make the file's tables, unless somebody just did."""
        with self._file.transaction() as db:
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
                for statement in self._sql["tables"].split(";\n"):
                    db.execute(statement)
                db.execute(self._sql["set_meta"], ("schema", str(VERSION).encode()))
                db.execute(self._sql["set_meta"], ("store", store.encode()))
                db.execute(self._sql["set_meta"], ("names", secrets.token_bytes(32)))
        folder = os.open(self.path.parent, os.O_RDONLY)  # the file's name is durable, too
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def pair(self) -> None:
        """Note that the journal is there: from now on, these keys without it are a fault."""
        with self._file.transaction() as db:
            db.execute(self._sql["set_meta"], ("paired", b"1"))

    def name(self, client: str, subject: str) -> str:
        """What stands for a subject in the store: nobody without this file can try names against it."""
        self._pepper = self._pepper or self._meta("names") or b""
        told = f"{len(client)}:{client}{folded(subject)}".encode()
        return hmac.new(self._pepper, told, hashlib.sha256).hexdigest()

    def of(self, name: str) -> Key:
        """The key of a subject by `name`, made on first use."""
        return self.find(name) or self.add(name, secrets.token_bytes(32))

    def find(self, name: str) -> Key | None:
        """The key of a subject by `name`, where there is one."""
        with self._file.reading() as db:
            row = db.execute(self._sql["key"], (name,)).fetchone()
        return Key(id=row[0], secret=bytes(row[1])) if row else None

    def add(self, name: str, secret: bytes) -> Key:
        """Keep a key; where the subject has one already, that one stays."""
        with self._file.transaction() as db:
            db.execute(self._sql["add"], (secrets.token_hex(8), name, secret))
            found = db.execute(self._sql["key"], (name,)).fetchone()
        return Key(id=found[0], secret=bytes(found[1]))

    def secret(self, key_id: str) -> bytes | None:
        """The secret of a key, or None where it is not here."""
        with self._file.reading() as db:
            row = db.execute(self._sql["secret"], (key_id,)).fetchone()
        return bytes(row[0]) if row else None

    def number(self) -> int:
        """How many keys there are."""
        with self._file.reading() as db:
            return int(db.execute(self._sql["number"]).fetchone()[0])

    def delete(self, key_ids: Iterable[str]) -> bool:
        """Delete keys; True once none of their bytes is left in the file or its log.

        False where another process still reads an older state of the file; the next one that
        closes it empties the log.
        """
        found = {key_id: secret for key_id in key_ids if (secret := self.secret(key_id)) is not None}
        if not found:
            return True
        with self._file.transaction() as db:
            for key_id in found:
                db.execute(self._sql["remove"], (key_id,))
        self._file.cut_log()
        if self._holds(found.values()):  # a copy that a move of the row left behind
            self._file.rewrite()
            self._file.cut_log()
        return not self._holds(found.values())

    def _holds(self, keys: Iterable[bytes]) -> bool:
        return any(secret in text for text in self._bytes() for secret in keys)

    def _bytes(self) -> Iterable[bytes]:
        for path in (self.path, self.path.with_name(self.path.name + "-wal")):
            if path.exists():
                yield path.read_bytes()

    def _meta(self, name: str) -> bytes | None:
        if not self._file.has("meta"):
            return None
        with self._file.reading() as db:
            row = db.execute(self._sql["meta"], (name,)).fetchone()
        return (row[0] if isinstance(row[0], bytes) else str(row[0]).encode()) if row else None
