"""The embedded store: one SQLite file of events, durable at every commit, fenced by leases.

What is about a subject is sealed under the subject's key on its way in, and opened on its way
out; the keys lie in a file of their own (`keys`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from runbook_exec.errors import Busy, Invalid, JournalError, Overtaken
from runbook_exec.journal import FIRST, WORDS, Event
from runbook_exec.store.files import statements
from runbook_exec.store.keys import itself
from runbook_exec.store.ledger import Ledger, Signers
from runbook_exec.store.opening import opened
from runbook_exec.store.owner import said
from runbook_exec.store.readout import Opening, Readout
from runbook_exec.store.vault import Entry, Vault, entries, events


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The right to append to a run. An older fence is refused, however late it wakes up."""

    run: str
    fence: int
    owner: str


@dataclass(frozen=True, kw_only=True)
class Told:
    """That something happened, without what it says."""

    run: str
    seq: int
    at: str
    kind: str


class SqliteStore:
    """All journals of one project. Safe to use from several threads and processes."""

    def __init__(self, path: Path, *, signers: Signers | None = None, keys: Path | None = None) -> None:
        self._sql = statements("sqlite.sql")
        self._file, self._keys = opened(path, keys or path.with_name("keys.sqlite"), self._sql)
        self._broken = False
        self.ledger = Ledger(self._sql, transaction=self._transaction, reading=self._reading, signers=signers)
        self.vault = Vault(
            self._sql,
            self._keys,
            transaction=self._transaction,
            reading=self._reading,
            write=self._note,
        )
        self.vault.finish()

    def close(self) -> None:
        self._file.close()
        self._keys.close()

    @property
    def has_written(self) -> bool:
        """Whether anything was written through this store since it was opened."""
        return self._file.has_written

    def create(
        self,
        first: Event,
        *,
        subject: str,
        runbook: str,
        owner: str,
        until: float,
        instead_of: tuple[Event, Lease] | None = None,
    ) -> Lease:
        """Begin a run: its first event, its place in the list and its lease in one transaction.

        `instead_of` is the last word of a run that ends for this one, in the same transaction.
        Raises `Busy` where another run of the same subject is not over.
        """
        name = self._keys.name(first.client, subject or itself(first.run))
        with self._transaction() as db:
            if instead_of is not None:
                self._check_fence(db, instead_of[1])
                self._note(db, self.vault.sealed(db, instead_of[0]))
                db.execute(self._sql["close_run"], (instead_of[0].run,))
            other = db.execute(self._sql["open_run_of"], (first.client, name)).fetchone()
            if other:
                raise Busy(
                    f"run {other[0]} is about {subject} too and is not over",
                    next_move=f"`runbook status {other[0]}` shows it, `runbook resume {other[0]}` goes on",
                )
            db.execute(self._sql["add_run"], (first.run, first.client, name, runbook))
            db.execute(self._sql["take_lease"], (first.run, owner, until))
            self._note(db, self.vault.sealed(db, first))
        return Lease(run=first.run, fence=1, owner=owner)

    def append(self, event: Event, lease: Lease, *, over: bool = False, beside: bool = False) -> Event:
        """Write one event durably; `seq` and `before` must follow the head.

        Fails closed: once an event could not be written, this store takes no more. A disk
        that reported an error may have dropped what it reported it for.
        `over` releases the subject for other runs in the same transaction; so does `beside`, after which
        the run is not over and goes on without its subject.
        """
        if self._broken:
            raise self._file.trouble("an event before this one could not be written")
        try:
            with self._transaction() as db:
                self._check_fence(db, lease)
                sealed = self.vault.sealed(db, event)
                self._note(db, sealed)
                if over:
                    db.execute(self._sql["close_run"], (event.run,))
                elif beside:
                    db.execute(self._sql["leave_subject"], (event.run,))
        except Overtaken:
            raise
        except JournalError:
            self._broken = True
            raise
        return sealed

    def say(self, event: Event) -> Event:
        """Write what a person says beside whoever works on the run; raises `Overtaken` to be said anew.

        No lease is needed, so only kinds that are such words (`WORDS`) are taken.
        """
        if event.kind not in WORDS:
            raise JournalError(f"{event.kind} takes the lease of the run", where=f"run {event.run}")
        with self._transaction() as db:
            sealed = self.vault.sealed(db, event)
            self._note(db, sealed)
        return sealed

    def acquire(
        self,
        run: str,
        *,
        owner: str,
        now: float,
        until: float,
        gone: Callable[[str], bool] = lambda owner: False,
    ) -> Lease:
        """Become the one that works on a run. Raises `Busy` with who does.

        The lease of an owner that is `gone` does not count.
        """
        with self._transaction() as db:
            held = db.execute(self._sql["lease"], (run,)).fetchone()
            if held and held[2] > now and held[1] != owner and not gone(held[1]):
                raise Busy(
                    f"{said(held[1])} works on run {run}",
                    next_move="wait for it to end, or end it there; "
                    f"if it does not answer any more, its claim lapses in {held[2] - now:.0f} s",
                )
            db.execute(self._sql["take_lease"], (run, owner, until))
            (fence, *_) = db.execute(self._sql["lease"], (run,)).fetchone()
        return Lease(run=run, fence=fence, owner=owner)

    def holder(self, run: str) -> tuple[str, float]:
        """Who has, or had, the lease of a run, and until when."""
        with self._reading() as db:
            held = db.execute(self._sql["lease"], (run,)).fetchone()
        return (held[1], held[2]) if held else ("", 0.0)

    def renew(self, lease: Lease, *, until: float) -> None:
        """Keep the lease; raises `Busy` where somebody else took it."""
        with self._transaction() as db:
            if db.execute(self._sql["renew_lease"], (until, lease.run, lease.fence)).rowcount == 0:
                raise self._fenced(lease)

    def check(self, lease: Lease) -> None:
        """Return while the lease is ours; raises `Busy` where somebody else took it."""
        with self._reading() as db:
            self._check_fence(db, lease)

    def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens where it is no longer ours."""
        with self._transaction() as db:
            db.execute(self._sql["release_lease"], (lease.run, lease.fence))

    def events(self, run: str, *, after: int = 0) -> list[Event]:
        """The events of a run in order, those beyond `after`, opened; empty where there is none.

        What was erased, by the record, reads as what is left of it. An event that does not open
        otherwise raises `JournalError`.
        """
        return self.vault.opened(self.kept_events(run, after=after))

    def kept_events(self, run: str, *, after: int = 0) -> list[Event]:
        """The events of a chain in order, each body as it is kept: what is sealed stays so."""
        with self._reading() as db:
            rows = db.execute(self._sql["events"], (run, after)).fetchall()
        return events(rows)

    def first_events(self, client: str, since: str, until: str) -> list[Event]:
        """How each run began that did so from `since` to before `until` (times as events have them)."""
        with self._reading() as db:
            rows = db.execute(self._sql["first_events"], (client, since, until)).fetchall()
        return self.vault.opened(events(rows))

    def runs_about(self, client: str, subjects: Iterable[str]) -> list[str]:
        """Ids of the runs about these subjects, the oldest first."""
        wanted = msgspec.json.encode([self.vault.name(client, subject) for subject in subjects]).decode()
        with self._reading() as db:
            return [str(row[0]) for row in db.execute(self._sql["runs_about"], (client, wanted))]

    def told(self, client: str, kinds: Iterable[str], since: str, until: str) -> list[Told]:
        """Where something of these kinds happened, without its body."""
        wanted = msgspec.json.encode(list(kinds)).decode()
        with self._reading() as db:
            rows = db.execute(self._sql["told"], (client, wanted, since, until)).fetchall()
        return [Told(run=run, seq=seq, at=at, kind=kind) for run, seq, at, kind in rows]

    def heads(self, client: str) -> dict[str, Event]:
        """The newest event of each run that is not over, by run; its body as it is kept, not opened."""
        with self._reading() as db:
            rows = db.execute(self._sql["open_heads"], (client,)).fetchall()
        return {event.run: event for event in events(rows)}

    def readout(self, client: str, *, opening: Opening = lambda run, seq: None) -> Readout:
        """The whole record of a client, for an export or a verifier."""
        return Readout(self._file.path, self._sql, client, opening=opening)

    def runs(self, client: str, *, limit: int = 1000) -> list[Entry]:
        """The newest runs of a client first."""
        with self._reading() as db:
            rows = db.execute(self._sql["runs"], (client, limit)).fetchall()
        return entries(rows)

    def runs_with(self, client: str, kind: str) -> list[str]:
        """Ids of the runs in which something of a kind happened, the newest first."""
        with self._reading() as db:
            return [str(row[0]) for row in db.execute(self._sql["runs_with"], (client, kind))]

    def find(self, client: str, beginning: str) -> str:
        """The one run whose id, or its part after the dash, begins so; raises `Invalid` for none or several."""
        with self._reading() as db:
            escaped = beginning.replace("%", "").replace("_", "")
            rows = [row[0] for row in db.execute(self._sql["matching"], (client, escaped))]
        if beginning in rows:
            return beginning
        if len(rows) == 1:
            return str(rows[0])
        what = f"no run begins with {beginning!r}" if not rows else f"several runs begin with {beginning!r}"
        raise Invalid(what, next_move="`runbook status` lists the runs")

    def subject_key(self, client: str, subject: str) -> bytes:
        """The commitment key of a subject, made on first use."""
        return self.vault.key(self.vault.name(client, subject)).secret

    def _note(self, db: sqlite3.Connection, event: Event) -> None:
        self._insert(db, event)
        self.ledger.witness(db, event)

    def _insert(self, db: sqlite3.Connection, event: Event) -> None:
        last = db.execute(self._sql["head"], (event.run,)).fetchone() or (0, FIRST)
        if (event.seq, event.before) != (last[0] + 1, last[1]):
            what = Overtaken if event.seq <= last[0] else JournalError
            raise what(
                f"event {event.seq} does not follow event {last[0]}",
                where=f"run {event.run}",
                next_move="somebody else wrote to this run; `runbook resume` reads it anew",
            )
        values = (event.client, event.run, event.seq, event.at, event.who, event.kind)
        db.execute(self._sql["append"], (*values, event.kept, event.before, event.hash))

    def _check_fence(self, db: sqlite3.Connection, lease: Lease) -> None:
        held = db.execute(self._sql["lease"], (lease.run,)).fetchone()
        if held is None or held[0] != lease.fence:
            raise self._fenced(lease)

    def _fenced(self, lease: Lease) -> Busy:
        return Busy(
            f"run {lease.run} was taken over by somebody else; this process writes nothing more",
            next_move=f"`runbook status {lease.run}` shows how it goes on",
        )

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._file.reading() as db:
            yield db

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._file.transaction() as db:
            yield db
