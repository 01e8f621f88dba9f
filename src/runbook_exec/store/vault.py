"""What is about a subject: sealed on its way into the journal, opened on its way out, erased on the record."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from runbook_exec import sealing
from runbook_exec.errors import Busy, JournalError, Overtaken
from runbook_exec.journal import Event, Kind, check_chain, project_chain
from runbook_exec.sealing import Key
from runbook_exec.store.keys import SubjectKeys

Session = Callable[[], AbstractContextManager[sqlite3.Connection]]
Write = Callable[[sqlite3.Connection, Event], None]
"""Puts an event behind the last one of its chain, within a transaction."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the list of runs."""

    run: str
    client: str
    subject: str
    """A keyed hash; how it was written stands, sealed, in the run's first event."""
    runbook: str
    open: bool


class Vault:
    """The subjects of one store and their keys; and each client's own chain, which has no subject."""

    def __init__(
        self,
        sql: Mapping[str, str],
        keys: SubjectKeys,
        *,
        transaction: Session,
        reading: Session,
        write: Write,
    ) -> None:
        self._sql, self._keys = sql, keys
        self._transaction, self._reading, self._write = transaction, reading, write

    def name(self, client: str, subject: str) -> str:
        """What stands for a subject in the store and on the record."""
        return self._keys.name(client, subject)

    def name_of(self, run: str) -> str:
        """What stands for the subject of a run; empty where there is no such run."""
        with self._reading() as db:
            return self._name_of(db, run)

    def runs_of(self, client: str, name: str) -> list[Entry]:
        """Every run of a subject, the oldest first."""
        with self._reading() as db:
            return entries(db.execute(self._sql["runs_of"], (client, name)))

    def has_key(self, name: str) -> bool:
        """Whether what is sealed for a subject can be read."""
        return self._keys.find(name) is not None

    def key(self, name: str) -> Key:
        """The key of a subject, made on first use; one that was erased, by the record, is not used any more."""
        with self._reading() as db:
            return self._living(db, name)

    # On the way in and out

    def sealed(self, db: sqlite3.Connection, event: Event) -> Event:
        """The event as it will be kept. Within a transaction, so no erasure comes in between."""
        name = self._name_of(db, event.run)
        if not name:
            raise JournalError("there is no such run", where=f"run {event.run}")
        key = self._living(db, name) if event.seq == 1 else self._keys.of(name)
        return sealing.sealed(event, key, secrets.token_bytes(sealing.NONCE))

    def opened(self, kept: Iterable[Event]) -> list[Event]:
        """Events with their bodies in full; what was erased, by the record, reads as what is left of it.

        Raises `JournalError` at one that does not open otherwise.
        """
        known: dict[str, bytes | None] = {}
        erased: dict[str, str] | None = None
        found = []
        for event in kept:
            key_id = sealing.key_of(event)
            if key_id and key_id not in known:
                known[key_id] = self._keys.secret(key_id)
            secret = known.get(key_id)
            if not key_id:
                found.append(event)
            elif secret is not None:
                found.append(sealing.opened(event, secret))
            else:
                erased = self.erased(event.client) if erased is None else erased
                if key_id not in erased:
                    raise self._no_key(event)
                found.append(sealing.remains(event, erased[key_id]))
        return found

    # The project's own chain

    def project(self, client: str) -> list[Event]:
        """What is on record of no single run, its chain checked."""
        with self._reading() as db:
            rows = db.execute(self._sql["events"], (project_chain(client), 0)).fetchall()
        found = events(rows)
        check_chain(found)
        return found

    def note(self, event: Event) -> Event:
        """Write to a client's own chain; raises `Overtaken` where something was written meanwhile."""
        written = event.hashed()
        with self._transaction() as db:
            self._write(db, written)
        return written

    def erased(self, client: str) -> dict[str, str]:
        """Ids of the keys that were erased by the record, and since when."""
        return {
            str(key): event.at
            for event in self.project(client)
            if event.kind == Kind.ERASED
            for key in event.body["keys"]
        }

    def erase(self, event: Event, name: str, runs: Sequence[str]) -> bool:
        """Put an erasure on the record, then delete the subject's key.

        `runs` are all that the subject is known to have; raises `Overtaken` where there are others by
        now, `Busy` where one is not over. False where a copy of the key is still held by somebody
        who reads the file at this moment. Killed in between, the next one to open the store goes on.
        """
        with self._transaction() as db:
            for entry in entries(db.execute(self._sql["runs_of"], (event.client, name))):
                if entry.run not in runs:
                    raise Overtaken("a run began meanwhile", next_move="look again")
                if entry.open:
                    raise Busy(f"run {entry.run} is not over", next_move=f"`runbook status {entry.run}`")
            key = self._keys.find(name)
            ids = [key.id] if key else []
            self._write(db, replace(event, body={**event.body, "keys": ids}).hashed())
        return self._keys.delete(ids)

    def finish(self) -> None:
        """Delete keys whose erasure is on the record: whoever was to do so may have been killed."""
        with self._reading() as db:
            found = self._erased_ids(db)
        self._keys.delete(found)

    # The work

    def _name_of(self, db: sqlite3.Connection, run: str) -> str:
        row = db.execute(self._sql["subject_of"], (run,)).fetchone()
        return str(row[0]) if row else ""

    def _living(self, db: sqlite3.Connection, name: str) -> Key:
        key = self._keys.of(name)
        if key.id in self._erased_ids(db):
            self._keys.delete([key.id])
            key = self._keys.of(name)
        return key

    def _erased_ids(self, db: sqlite3.Connection) -> set[str]:
        bodies = [row[0] for row in db.execute(self._sql["erasures"])]
        return {str(key) for body in bodies for key in msgspec.json.decode(body)["keys"]}

    def _no_key(self, event: Event) -> JournalError:
        return JournalError(
            "the key of this run is not in the file of keys, and no erasure is on record",
            where=f"run {event.run}, event {event.seq}",
            next_move=f"put {self._keys.path.name} back from its backup; nothing is done until then",
        )


def entries(rows: Iterable[tuple[Any, ...]]) -> list[Entry]:
    """Rows of the list of runs."""
    return [Entry(run=r, client=c, subject=s, runbook=b, open=bool(o)) for r, c, s, b, o in rows]


def events(rows: Iterable[tuple[Any, ...]]) -> list[Event]:
    """Rows of events, each body as it is kept: what is sealed stays so."""
    return [
        sealing.as_kept(
            Event(
                client=client,
                run=name,
                seq=seq,
                at=at,
                who=who,
                kind=kind,
                body={},
                before=before,
                hash=digest,
                stored=body if isinstance(body, bytes) else str(body).encode(),
            )
        )
        for client, name, seq, at, who, kind, body, before, digest in rows
    ]
