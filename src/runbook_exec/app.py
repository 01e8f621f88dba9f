"""The application: the only place that puts concrete objects together."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from runbook_exec import __version__, inputs, load, recover, report
from runbook_exec.change import Json
from runbook_exec.desk import Desk
from runbook_exec.drift import line_body
from runbook_exec.errors import Busy, Invalid, Refused
from runbook_exec.execute import advance
from runbook_exec.journal import FIRST, SCHEMA_VERSION, Event, Kind, Run, RunStatus, replay
from runbook_exec.library import runbook_path
from runbook_exec.lint import refuse_problems
from runbook_exec.model import Runbook
from runbook_exec.plan import Plan, Scope, make_plan
from runbook_exec.scribe import Scribe
from runbook_exec.sessions import SessionPool
from runbook_exec.settings import Environment, Project
from runbook_exec.store.sqlite import Entry, Lease, SqliteStore
from runbook_exec.surroundings import Surroundings
from runbook_exec.values import lost_secrets, plain

LEASE_SECONDS = 60.0
RENEW_SECONDS = 15.0

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
            self._store = SqliteStore(self.project.state / "journal.sqlite")
        return self._store

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

    # Before anything is written

    def load(self, name: str) -> Runbook:
        """A runbook by its name or its file, complete and without problems."""
        runbook = load.load(runbook_path(self.project, name))
        refuse_problems(runbook)
        return runbook

    def plan(self, runbook: Runbook, values: Mapping[str, Any], *, ticket: str = "", run: str = "") -> Plan:
        """Plan by reading alone, through sessions that cannot write."""
        checked = inputs.checked(values, runbook.inputs)
        if runbook.ticket == "required" and not ticket:
            raise Invalid(
                f"{runbook.name} must be linked to a ticket",
                where=runbook.file,
                next_move="name it: --ticket NUMBER",
            )
        scope = self._scope(checked, run=run or "(new)", ticket=ticket, requester=self.desk.who)
        return self._planned(runbook, scope)

    def _scope(self, values: Mapping[str, Any], *, run: str, ticket: str, requester: str) -> Scope:
        environment = self.environment
        about = {
            "id": run,
            "ticket": ticket,
            "client": environment.client,
            "requester": requester,
            "environment": environment.name,
            "language": self.desk.language,
        }
        return Scope(inputs=values, site=environment.site, run=about)

    def _planned(self, runbook: Runbook, scope: Scope, *, skip: frozenset[str] = frozenset()) -> Plan:
        environment = self.environment
        subject = _subject(runbook, scope)
        with self._sessions(write=False) as sessions:
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

    # Executing

    def start(self, plan: Plan, *, run: str, ticket: str = "") -> Run:
        """Begin a run with a plan and go on until it is done or stops."""
        if plan.refusals:
            raise Refused("this plan may not be started: " + "; ".join(plan.refusals))
        runbook = plan.runbook
        first = Event(
            client=plan.client,
            run=run,
            seq=1,
            at=_now().isoformat(timespec="microseconds"),
            who=self.desk.who,
            kind=Kind.STARTED,
            body={
                "schema": SCHEMA_VERSION,
                "program": __version__,
                "runbook": runbook.name,
                "runbook_digest": runbook.digest,
                "file": runbook.file,
                "source": runbook.source,
                "schemas": plain(runbook.schemas),
                "inputs": plain(plan.inputs),
                "environment": plan.environment,
                "subject": plan.subject,
                "requester": self.desk.who,
                "ticket": ticket,
                "language": self.desk.language,
            },
            before=FIRST,
        )
        owner = _owner()
        lease = self.store.create(
            first,
            subject=plan.subject,
            runbook=runbook.name,
            owner=owner,
            until=time.time() + LEASE_SECONDS,
        )
        begun = replay([first.sealed()])
        self.desk.watch(first.sealed(), begun)
        with self._holding(lease):
            scribe = self._scribe(begun, lease)
            scribe.add(Kind.PLANNED, plan_body(plan))
            scope = self._scope(plan.inputs, run=run, ticket=ticket, requester=self.desk.who)
            return self._advanced(runbook, scribe, scope)

    def resume(
        self, run_id: str, *, values: Mapping[str, Any] | None = None, agree: Callable[[Plan], bool] | None
    ) -> Run:
        """Go on with a run from its journal; done steps stay done.

        `agree` is asked with a new plan for what is left (`--replan`); None keeps the old plan.
        """
        lease = self.store.acquire(run_id, owner=_owner(), now=time.time(), until=time.time() + LEASE_SECONDS)
        with self._holding(lease):
            run = self.run(run_id)
            if run.is_over:
                raise Refused(f"run {run_id} is done", next_move=f"`runbook log {run_id}` tells its story")
            if run.started["environment"] != self.environment.name:
                raise Refused(
                    f"run {run_id} belongs to the environment {run.started['environment']!r}",
                    next_move=f"name it: -e {run.started['environment']}",
                )
            runbook = runbook_of(run)
            known = inputs.merged(lost_secrets(run.started["inputs"]), dict(values or {}))
            known = inputs.wrap_secrets(known, runbook.inputs)
            missing = recover.unknown_secrets(runbook, run, known)
            if missing:
                raise Invalid(
                    "secret inputs are kept in memory only; give again: " + ", ".join(sorted(missing)),
                    next_move="add -i NAME=VALUE, or answer the question in a terminal",
                )
            scribe = self._scribe(run, lease)
            scribe.add(Kind.RESUMED, {"program": __version__})
            for label in recover.to_reopen(runbook, scribe.run):
                reason = "a secret that only memory held is lost, so it is made anew"
                scribe.add(Kind.REOPENED, {"step": label, "reason": reason})
            scope = self._scope(
                known, run=run_id, ticket=run.started["ticket"], requester=run.started["requester"]
            )
            if agree is not None and not self._replanned(runbook, scribe, scope, agree):
                stop = {"status": RunStatus.DRIFTED.value, "why": "the new plan was not agreed to"}
                return scribe.add(Kind.STOPPED, stop)
            scope.outputs.clear()
            return self._advanced(runbook, scribe, scope)

    def _replanned(
        self, runbook: Runbook, scribe: Scribe, scope: Scope, agree: Callable[[Plan], bool]
    ) -> bool:
        from runbook_exec.execute import outputs_so_far

        over = outputs_so_far(runbook, scribe.run)
        scope.outputs.update(over)
        plan = self._planned(runbook, scope, skip=frozenset(over))
        if plan.refusals:
            raise Refused("the new plan may not be started: " + "; ".join(plan.refusals))
        if not agree(plan):
            return False
        kept = [line for line in scribe.run.plan["lines"] if line["step"].partition("[")[0] in over]
        scribe.add(Kind.PLANNED, {**plan_body(plan), "lines": [*kept, *map(line_body, plan.lines)]})
        return True

    def _advanced(self, runbook: Runbook, scribe: Scribe, scope: Scope) -> Run:
        with self._sessions(write=True) as sessions:
            around = Surroundings(
                sessions=sessions,
                clock=_now,
                pause=self.desk.stop.wait,
                say=self.desk.say,
                ask=self.desk.ask,
                story=lambda run: report.story(run, runbook, self.desk.language),
                project=self.project.folder,
                language=self.desk.language,
            )
            return advance(runbook, scribe, scope, around)

    # Reading journals

    def run(self, run_id: str) -> Run:
        """A run as its events tell it; the chain is checked on the way."""
        return replay(self.store.events(run_id))

    def find(self, beginning: str) -> str:
        """The id of the one run that begins so."""
        return self.store.find(self.project.client, beginning)

    def runs(self, *, limit: int = 50) -> list[Entry]:
        return self.store.runs(self.project.client, limit=limit)

    # Holding things open

    @contextmanager
    def _sessions(self, *, write: bool) -> Iterator[SessionPool]:
        environment = self.environment
        pool = SessionPool(lambda name, pen: environment.connection(name, write=pen), write=write)
        try:
            yield pool
        finally:
            pool.close()

    def _scribe(self, run: Run, lease: Lease) -> Scribe:
        def append(event: Event, over: bool) -> Event:  # noqa: FBT001 - the shape of scribe.Append
            return self.store.append(event, lease, over=over)

        return Scribe(run, append, who=self.desk.who, clock=_now, watch=self.desk.watch)

    @contextmanager
    def _holding(self, lease: Lease) -> Iterator[None]:
        """Renew the lease in the background, and give it back at the end."""
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(RENEW_SECONDS):
                try:
                    self.store.renew(lease, until=time.time() + LEASE_SECONDS)
                except Busy:
                    self.desk.stop.set()  # taken over: the next append is refused anyway
                    return

        thread = threading.Thread(target=renew, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.store.release(lease)


def new_run_id(at: datetime | None = None) -> str:
    """A short id that sorts by day and can be said on the phone: `261124-k7f3m`."""
    day = (at or _now()).strftime("%y%m%d")
    return f"{day}-" + "".join(secrets.choice(_ALPHABET) for _ in range(5))


def runbook_of(run: Run) -> Runbook:
    """The runbook as it was when the run began, whatever became of its file."""
    started = run.started

    def fetch(name: str) -> str:
        import json

        return json.dumps(started["schemas"][name])

    return load.parse(started["source"], file=started["file"], fetch=fetch)


def plan_body(plan: Plan) -> dict[str, Json]:
    """A plan as the journal keeps it."""
    return {
        "digest": plan.digest,
        "changes": plan.changes,
        "lines": [line_body(line) for line in plan.lines],
    }


def _subject(runbook: Runbook, scope: Scope) -> str:
    from runbook_exec import render

    return str(render.render(runbook.subject, scope.names(), where="subject")) if runbook.subject else ""


def _now() -> datetime:
    return datetime.now(UTC)


def _owner() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"
