"""The whole record of a client, read once, beside whoever writes: what an export holds and a verifier checks.

The order is that of the checkpoints: before each stand the events that it covers, run by run,
so that a reader needs to remember no more than the head of each run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from runbook_exec.errors import JournalError

FORMAT = 1
_BEFORE_ALL = -(2**63)
"""Below every sequence number, also those that nobody should have written."""

Opening = Callable[[str, int], Mapping[str, Any] | None]
"""Gives what is sealed of a decision (run, sequence number) in clear; None: it stays sealed."""

_DECISIONS = ("gate.decided", "gate.withdrawn", "gate.broken_glass", "gate.reviewed")


class Readout:
    """A reading of one client's record as it is at one moment. Nothing is written."""

    def __init__(
        self, path: Path, sql: Mapping[str, str], client: str, *, opening: Opening = lambda run, seq: None
    ) -> None:
        self.path, self.client = path, client
        self.events = 0
        """How many there are, those left out of a part included."""
        self._sql = sql
        self._opening = opening
        self._reached: dict[str, int] = {}

    def records(self, *, made: str, program: str, since: str = "") -> Iterator[dict[str, Any]]:
        """Everything; bodies as the bytes that are kept. With `since`, events up to the last checkpoint before are left out."""
        try:
            with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
                db.execute("PRAGMA query_only=1")
                # What nobody could have written reads as something else, and so does not verify.
                db.text_factory = lambda text: str(text, "utf-8", "replace")
                db.execute("BEGIN")
                yield from self._records(db, made=made, program=program, since=since)
        except sqlite3.Error as error:
            raise JournalError(
                f"the journal cannot be read: {error}",
                where=str(self.path),
                next_move="put it back from its copy; nothing is done without a journal",
            ) from error

    def _records(self, db: sqlite3.Connection, **about: str) -> Iterator[dict[str, Any]]:
        log = db.execute(self._sql["log"], (f"log of {self.client}",)).fetchone()
        start = (
            db.execute(self._sql["checkpoint_before"], (self.client, about.pop("since"))).fetchone()[0] or 0
        )
        yield {
            "type": "runbook-blackbox",
            "version": FORMAT,
            "client": self.client,
            "log": log[0] if log else "",
            **about,
            "events_from_checkpoint": start,
        }
        number = 0
        for number, body, signatures in db.execute(self._sql["checkpoints"], (self.client,)):
            for run, seq in sorted(_heads(body).items()):
                yield from self._covered(db, run, seq, left_out=number <= start)
            yield {"type": "checkpoint", "body": body, "signatures": _decoded(signatures)}
            for (receipt,) in db.execute(self._sql["receipts"], (self.client, number)):
                yield {"type": "anchor", "body": receipt}
        for (run,) in db.execute(self._sql["runs_of_events"]).fetchall():
            yield from self._events(
                db.execute(self._sql["rest"], (self.client, run, self._reached.get(run, _BEFORE_ALL)))
            )
        yield {"type": "end", "events": self.events, "checkpoints": number}

    def _covered(
        self, db: sqlite3.Connection, run: str, seq: int, *, left_out: bool
    ) -> Iterator[dict[str, Any]]:
        reached = self._reached.get(run, _BEFORE_ALL)
        self._reached[run] = seq
        if left_out:
            self.events += seq - max(reached, 0)
            return
        yield from self._events(db.execute(self._sql["segment"], (self.client, run, reached, seq)))

    def _events(self, rows: sqlite3.Cursor) -> Iterator[dict[str, Any]]:
        for client, run, seq, at, who, kind, body, before, digest in rows:
            self.events += 1
            event = {
                "type": "event",
                "client": client,
                "run": run,
                "seq": seq,
                "at": at,
                "who": who,
                "kind": kind,
                "body": body,
                "before": before,
                "hash": digest,
            }
            opened = self._opening(run, seq) if kind in _DECISIONS else None
            yield {**event, "opened": opened} if opened else event


def _heads(body: Any) -> dict[str, int]:
    """Run → sequence number, as a checkpoint says; none where it says nothing that can be read."""
    try:
        return {run: int(seq) for run, (seq, _) in msgspec.json.decode(body)["heads"].items()}
    except (msgspec.MsgspecError, TypeError, ValueError, KeyError, AttributeError):
        return {}


def _decoded(value: Any) -> Any:
    try:
        return msgspec.json.decode(value)
    except (msgspec.MsgspecError, TypeError, ValueError):
        return None
