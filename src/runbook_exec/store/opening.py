"""Opening a store: its two files belong together, and an older one is brought up to date.

Fails closed. A journal without its keys, or keys without their journal, is a fault that somebody
has to know of, never a reason to begin anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path

from runbook_exec.errors import JournalError
from runbook_exec.store.files import StoreFile
from runbook_exec.store.keys import SubjectKeys, itself

STORE_VERSION = 3
"""Of the tables: 2 has checkpoints, 3 keeps subjects and their keys apart. Bodies have a version of their own."""

_BACK = "put it back from its backup, of the same moment if you can"


def opened(path: Path, keys_path: Path, sql: Mapping[str, str]) -> tuple[StoreFile, SubjectKeys]:
    """The journal and its keys, ready for use. Raises `JournalError` where they do not belong together."""
    _make_folder(path)
    with ExitStack() as opening:
        keys = opening.enter_context(closing(SubjectKeys(keys_path))) if _is_there(keys_path) else None
        # In this order: keys are noted as paired only after their journal is there.
        if keys is not None and keys.is_paired and not _is_there(path):
            raise _no_journal(path, keys)
        journal = opening.enter_context(closing(StoreFile(path, what="journal")))
        version = _version(journal, sql)
        if version == STORE_VERSION and not _is_there(keys_path):
            raise _no_keys(keys_path)
        keys = keys or opening.enter_context(closing(SubjectKeys(keys_path)))
        _brought_together(journal, keys, sql, version)
        opening.pop_all()
    return journal, keys


def _is_there(path: Path) -> bool:
    """Whether the file was ever written: whoever is killed while making it leaves an empty one."""
    return path.exists() and path.stat().st_size > 0


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise JournalError(
            f"the folder of the journal cannot be made: {error.strerror}",
            where=str(path.parent),
            next_move="give whoever runs this the right to write there; nothing is done without a record",
        ) from error


def _brought_together(
    journal: StoreFile, keys: SubjectKeys, sql: Mapping[str, str], version: int | None
) -> None:
    if version is None and keys.is_paired:
        raise _no_journal(journal.path, keys)
    if version == STORE_VERSION and keys.is_new:
        raise _no_keys(keys.path)
    if keys.is_new:
        keys.begin(secrets.token_hex(16))
    if version is None:
        _made(journal, keys, sql)
    elif version < STORE_VERSION:
        _brought_up_to_date(journal, keys, sql)
    with journal.reading() as db:
        row = db.execute(sql["store"]).fetchone()
    if row is None or row[0] != keys.store:
        raise JournalError(
            "these keys belong to another journal",
            where=str(keys.path),
            next_move=f"put the keys of this project next to {journal.path.name}; nothing is done until then",
        )
    if not keys.is_paired:
        keys.pair()


def _made(journal: StoreFile, keys: SubjectKeys, sql: Mapping[str, str]) -> None:
    # All tables or none: whoever is killed in here leaves an empty file.
    with journal.transaction() as db:
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
            return  # somebody else was faster
        for statement in (*sql["tables"].split(";\n"), *sql["checkpoint_tables"].split(";\n")):
            db.execute(statement)
        db.execute(sql["set_version"], (str(STORE_VERSION),))
        db.execute(sql["set_store"], (keys.store,))


def _brought_up_to_date(journal: StoreFile, keys: SubjectKeys, sql: Mapping[str, str]) -> None:
    """Before 3, subjects and their keys stood in the journal, in clear. What was recorded stays as it is."""
    with journal.transaction() as db:
        found = int(db.execute(sql["version"]).fetchone()[0])
        if found >= STORE_VERSION:
            return  # somebody else was faster
        if found == 1:
            for statement in sql["checkpoint_tables"].split(";\n"):
                db.execute(statement)
        for client, subject, key in db.execute(sql["old_keys"]).fetchall():
            keys.add(keys.name(client, subject), bytes(key))  # durable before it goes from here
        for run, client, subject in db.execute(sql["all_subjects"]).fetchall():
            db.execute(sql["hash_subject"], (keys.name(client, subject or itself(run)), run))
        db.execute(sql["forget_old_keys"])
        db.execute(sql["drop_old_keys"])
        db.execute(sql["set_version"], (str(STORE_VERSION),))
        db.execute(sql["set_store"], (keys.store,))
    journal.cut_log()


def _version(journal: StoreFile, sql: Mapping[str, str]) -> int | None:
    """The schema that the file was made with; None where it has none yet. A newer one is refused."""
    if not journal.has("meta"):
        return None
    with journal.reading() as db:
        row = db.execute(sql["version"]).fetchone()
    try:
        found = int(row[0]) if row else None
    except ValueError as error:
        raise journal.trouble("its schema is no number") from error
    if found is not None and found > STORE_VERSION:
        raise JournalError(
            f"the journal has schema {found}, this program knows {STORE_VERSION}",
            where=str(journal.path),
            next_move="use the newer program",
        )
    return found


def _no_journal(path: Path, keys: SubjectKeys) -> JournalError:
    return JournalError(
        f"the journal is gone: the keys of {keys.number()} subjects are here, and what they open is not",
        where=str(path),
        next_move=f"{_BACK}; nothing is done until then",
    )


def _no_keys(path: Path) -> JournalError:
    return JournalError(
        "the file of keys is gone: what the journal says of its subjects cannot be read",
        where=str(path),
        next_move=f"{_BACK}; nothing is done until then",
    )
