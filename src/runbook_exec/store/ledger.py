"""Checkpoints in the embedded store: written in the transaction of the event that makes them due."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import msgspec

from runbook_exec.checkpoint import LATEST, Checkpoint, Kept, Signer, apart, is_due, moment, signed
from runbook_exec.errors import Late, Refused
from runbook_exec.journal import FIRST, Event

Signers = Callable[[str | None], Signer]
"""Gives whoever signs after a key; None: nothing was signed yet."""

Session = Callable[[], AbstractContextManager[sqlite3.Connection]]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far the black box is covered at a moment."""

    newest: Kept | None
    uncovered: int
    """Events that no checkpoint covers yet."""
    anchored: int
    """The highest checkpoint that has a receipt from out of reach; 0: none."""
    anchored_at: str = ""


class Ledger:
    """The checkpoints of one store. Without `signers` none are written: a store for trials."""

    def __init__(
        self, sql: Mapping[str, str], *, transaction: Session, reading: Session, signers: Signers | None
    ) -> None:
        self._sql, self._transaction, self._reading = sql, transaction, reading
        self._signers = signers

    # Within a transaction that appends

    def witness(self, db: sqlite3.Connection, *events: Event) -> None:
        """Take note of new heads, and write a checkpoint where one of the events makes it due."""
        due = False
        for event in events:
            db.execute(self._sql["note_head"], (event.client, event.run, event.seq, event.hash, event.at))
            if self._signers is None:
                continue
            newest = self._newest(db, event.client)
            if newest is not None and apart(event.at, newest.at) > LATEST:
                raise Late(
                    f"the event is of {event.at}, and {newest.at} was vouched for already",
                    where=f"run {event.run}",
                    next_move="set this machine's clock right, then try again",
                )
            due = due or is_due(event.kind, event.at, newest)
        if due:
            self._write(db, events[-1].client)

    # By themselves

    def write(self, client: str, *, at: str, always: bool = False) -> Kept | None:
        """A checkpoint of what none covers yet. None: there is nothing, and it is not `always` wanted."""
        with self._transaction() as db:
            if not always and not db.execute(self._sql["uncovered"], (client,)).fetchone():
                return None
            return self._write(db, client, at=at)

    def keep_time(self, client: str, *, at: str) -> None:
        """Write a checkpoint if events have waited for one for long enough."""
        newest = self.newest(client)
        if self._signers is not None and (newest is None or is_due("", at, newest)):
            self.write(client, at=at)

    def rotate(self, client: str, new: Signer, *, at: str, old: Signer | None, reason: str) -> Kept:
        """Let another key sign from here on: stated by a checkpoint that both sign.

        Without the `old` one only the new key vouches for it, and `reason` says why.
        """
        with self._transaction() as db:
            newest = self._newest(db, client)
            if newest is None:
                raise Refused("nothing was signed yet, so there is no key to change")
            lost = {} if old else {"lost": reason}
            rotation = {"from": newest.key, "reason": reason, **lost}
            return self._write(db, client, at=at, by=(new, *([old] if old else [])), rotation=rotation)

    def newest(self, client: str) -> Kept | None:
        with self._reading() as db:
            return self._newest(db, client)

    def numbered(self, client: str, number: int) -> Kept | None:
        """The checkpoint of this number."""
        with self._reading() as db:
            return _kept(db.execute(self._sql["checkpoint"], (client, number)).fetchone())

    def standing(self, client: str) -> Standing:
        """How far checkpoints and anchors reach."""
        with self._reading() as db:
            newest = self._newest(db, client)
            (uncovered,) = db.execute(self._sql["count_uncovered"], (client,)).fetchone()
            anchored, at = db.execute(self._sql["newest_anchor"], (client,)).fetchone() or (0, "")
        return Standing(newest=newest, uncovered=uncovered, anchored=anchored, anchored_at=at)

    def log(self, client: str) -> str:
        """The id of a client's journal in this store, made at first use."""
        with self._transaction() as db:
            return self._log(db, client)

    def keep_anchor(self, client: str, *, checkpoint: int, at: str, kind: str, receipt: bytes) -> None:
        """Keep the receipt of an anchor (a JSON object); the next checkpoint states that there is one."""
        with self._transaction() as db:
            db.execute(self._sql["add_anchor"], (client, checkpoint, at, kind, receipt))

    def anchors(self, client: str) -> list[tuple[int, str, str, bytes]]:
        """Number of the checkpoint, time, kind and receipt of every anchor, by number."""
        with self._reading() as db:
            return db.execute(self._sql["anchors"], (client,)).fetchall()

    # The work

    def _write(
        self,
        db: sqlite3.Connection,
        client: str,
        *,
        at: str = "",
        by: tuple[Signer, ...] = (),
        rotation: Mapping[str, Any] | None = None,
    ) -> Kept:
        newest = self._newest(db, client)
        if not by:
            if self._signers is None:
                raise Refused("this journal has no key to sign with")
            by = (self._signers(newest.key if newest else None),)
        changed = db.execute(self._sql["uncovered"], (client,)).fetchall()
        times = [at, newest.at if newest else "", *(row[3] for row in changed)]
        (anchored, _) = db.execute(self._sql["newest_anchor"], (client,)).fetchone() or (0, "")
        made = signed(
            Checkpoint(
                client=client,
                log=self._log(db, client),
                number=newest.number + 1 if newest else 1,
                at=max(filter(None, times), key=moment),
                events=(newest.events if newest else 0)
                + sum(seq - checked for _, seq, _, _, checked in changed),
                before=newest.hash if newest else FIRST,
                key=by[0].public,
                heads={run: (seq, head) for run, seq, head, _, _ in changed},
                anchored=anchored,
                rotation=rotation,
            ),
            *by,
        )
        row = (client, made.number, made.at, made.events, made.hash, made.body)
        db.execute(self._sql["add_checkpoint"], (*row, msgspec.json.encode(made.signatures)))
        db.execute(self._sql["covered"], (client,))
        return made

    def _newest(self, db: sqlite3.Connection, client: str) -> Kept | None:
        return _kept(db.execute(self._sql["newest_checkpoint"], (client,)).fetchone())

    def _log(self, db: sqlite3.Connection, client: str) -> str:
        name = f"log of {client}"
        db.execute(self._sql["name_log"], (name, secrets.token_hex(8)))
        return str(db.execute(self._sql["log"], (name,)).fetchone()[0])


def _kept(row: tuple[Any, ...] | None) -> Kept | None:
    if row is None:
        return None
    number, at, events, digest, body, signatures = row
    return Kept(
        number=number,
        at=at,
        events=events,
        hash=digest,
        body=body,
        signatures=msgspec.json.decode(signatures),
    )
