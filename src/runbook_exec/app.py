"""The application: the only place that puts concrete objects together."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from runbook_exec import inputs, load
from runbook_exec.booked import booked_end
from runbook_exec.change import State
from runbook_exec.checkpoint import moment
from runbook_exec.desk import Desk
from runbook_exec.errors import Invalid, RunbookError
from runbook_exec.gatehouse import Gatehouse
from runbook_exec.journal import Event
from runbook_exec.library import runbook_path
from runbook_exec.lint import refuse_problems
from runbook_exec.model import Runbook
from runbook_exec.past import runbook_of
from runbook_exec.plan import Plan, Scope, make_plan, subject_of
from runbook_exec.replay import replay
from runbook_exec.run import Run, RunStatus
from runbook_exec.sessions import SessionPool
from runbook_exec.settings import Environment, Project
from runbook_exec.signing import Keys
from runbook_exec.stop import GO_ON
from runbook_exec.store import owner
from runbook_exec.store.sqlite import SqliteStore
from runbook_exec.store.vault import Entry
from runbook_exec.unkept import blocking

_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"


class App:
    """One project in one environment, worked on by one person."""

    def __init__(self, project: Project, *, environment: str | None, desk: Desk) -> None:
        self.project, self.desk = project, desk
        self._chosen = environment
        self._store: SqliteStore | None = None
        self._environment: Environment | None = None

    @property
    def store(self) -> SqliteStore:
        if self._store is None:
            self._store = SqliteStore(self.project.state / "journal.sqlite", signers=self.keys.signer)
        return self._store

    @property
    def keys(self) -> Keys:
        """Where the key is that signs this project's checkpoints."""
        return Keys(self.project.state, self.project.blackbox_key())

    def clock(self) -> datetime:
        """The time, never before what was vouched for already, whatever was done to this machine's clock."""
        newest = self.store.ledger.newest(self.project.client)
        return max(now(), moment(newest.at)) if newest else now()

    def stamp(self, run: Run) -> str:
        """The time for the next event of a run; never before its newest one."""
        return max(self.clock(), moment(run.at)).isoformat(timespec="microseconds")

    @property
    def has_written(self) -> bool:
        """Whether this process has written to the journal."""
        return self._store is not None and self._store.has_written

    @property
    def environment(self) -> Environment:
        if self._environment is None:
            found = self.project.environment(self._chosen)
            if found.is_sandbox:
                from runbook_exec.sandbox import process

                found = self.project.environment(
                    self._chosen, process.connections(self.project.state / "sandbox")
                )
            self._environment = found
        return self._environment

    @property
    def environment_name(self) -> str:
        """Which environment was asked for; no far side has to be up for that."""
        return self.project.environment(self._chosen).name

    def gatehouse(self, environment: str | None = None) -> Gatehouse:
        """Who judges the gates of an environment; no far side has to be up for that."""
        return Gatehouse(
            self.project.environment(environment or self._chosen),
            key=lambda run: self.store.subject_key(run.client, str(run.started.get("subject", ""))),
            clock=now,
        )

    # Before anything is written

    def load(self, name: str) -> Runbook:
        """A runbook by its name or its file, complete and without problems."""
        runbook = load.load(runbook_path(self.project, name))
        refuse_problems(runbook)
        return runbook

    def plan(
        self,
        runbook: Runbook,
        values: Mapping[str, Any],
        *,
        ticket: str = "",
        run: str = "",
        seen_to: str = "",
    ) -> Plan:
        """Plan by reading alone, through sessions that cannot write.

        Refused where it would leave out what an earlier run about the subject owes, but for the
        run `seen_to`, which a person has seen to.
        """
        checked = inputs.checked(values, runbook.inputs)
        if runbook.ticket == "required" and not ticket:
            raise Invalid(
                f"{runbook.name} must be linked to a ticket",
                where=runbook.file,
                next_move="name it: --ticket NUMBER",
            )
        scope = self.scope(checked, run=run or "(new)", ticket=ticket, requester=self.desk.who)
        plan = self.planned(runbook, scope)
        earlier = [(run, past) for run, past in self._earlier(plan.subject) if past.id != seen_to]
        return replace(plan, refusals=(*plan.refusals, *blocking(earlier, plan.lines, runbook.name)))

    def _earlier(self, subject: str) -> Iterator[tuple[Runbook, Run]]:
        """The runs about a subject in this environment, the oldest first; none where nothing ever ran."""
        if not subject or not (self.project.state / "journal.sqlite").exists():
            return
        for run_id in self.store.runs_about(self.project.client, [subject]):
            run = self.run(run_id)
            if run.started.get("environment") == self.environment_name:
                yield runbook_of(run), run

    def _booked_end(self, subject: str, group: str, but: str) -> State:
        """The latest end of a membership that a run about the subject has booked, in this environment."""
        return booked_end((run for _, run in self._earlier(subject) if run.id != but), group)

    def scope(
        self,
        values: Mapping[str, Any],
        *,
        run: str,
        ticket: str,
        requester: str,
        language: str = "",
        timezone: str = "",
    ) -> Scope:
        """What expressions read; language and time zone are those of the run's beginning, else of now."""
        environment = self.environment
        about = {
            "id": run,
            "ticket": ticket,
            "client": environment.client,
            "requester": requester,
            "environment": environment.name,
            "language": language or self.desk.language,
            "timezone": timezone or environment.timezone,
        }
        return Scope(inputs=values, site=environment.site, run=about)

    def planned(self, runbook: Runbook, scope: Scope, *, skip: frozenset[str] = frozenset()) -> Plan:
        environment = self.environment
        subject = subject_of(runbook, scope)
        with self.sessions(write=False) as sessions, _nothing_begun():
            return make_plan(
                runbook,
                scope=scope,
                read=sessions.read,
                client=environment.client,
                environment=environment.name,
                key=self.store.subject_key(environment.client, subject),
                protected=environment.protected,
                skip=skip,
            )

    # Reading journals

    def run(self, run_id: str) -> Run:
        """A run as its events tell it; the chain is checked on the way."""
        return replay(self.store.events(run_id))

    def journeys(self, runbook: str) -> Iterator[tuple[Run, Sequence[Event]]]:
        """The runs of a runbook in this environment with their events, the newest first; none where nothing ever ran."""
        if not (self.project.state / "journal.sqlite").exists():
            return
        for entry in self.store.runs(self.project.client, limit=-1):
            if entry.runbook != runbook:
                continue
            events = self.store.events(entry.run)
            run = replay(events)
            if run.started.get("environment") == self.environment_name and "undoes" not in run.started:
                yield run, events

    def find(self, beginning: str) -> str:
        """The id of the one run that begins so."""
        return self.store.find(self.project.client, beginning)

    def is_interrupted(self, run: Run) -> bool:
        """True where a run is under way by its record, and nobody works on it: its process was killed.

        A run that is being undone is over itself: what may be interrupted is the run that takes it back.
        """
        if run.status is not RunStatus.RUNNING:
            return False
        holder, until = self.store.holder(run.id)
        return until <= time.time() or owner.is_gone(holder)

    def runs(self, *, limit: int = 50) -> list[Entry]:
        return self.store.runs(self.project.client, limit=limit)

    # Holding things open

    @contextmanager
    def sessions(self, *, write: bool) -> Iterator[SessionPool]:
        environment = self.environment

        def connection(name: str, pen: bool) -> Mapping[str, Any]:  # noqa: FBT001 - the shape of SessionPool
            if name == "access":
                return {"booked_end": self._booked_end}
            return environment.connection(name, write=pen)

        pool = SessionPool(connection, write=write)
        try:
            yield pool
        finally:
            pool.close()


def new_run_id(at: datetime | None = None) -> str:
    """A short id that sorts by day and can be said on the phone: `261124-k7f3m`."""
    day = (at or now()).strftime("%y%m%d")
    return f"{day}-" + "".join(secrets.choice(_ALPHABET) for _ in range(5))


@contextmanager
def _nothing_begun() -> Iterator[None]:
    """Errors that speak of going on with a run, where there is none yet, speak of this command instead."""
    try:
        yield
    except RunbookError as error:
        error.next_move = error.next_move.replace(GO_ON, "the same command")
        raise


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)
