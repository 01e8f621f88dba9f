"""A run in this process's hands: its lease, its pen, and the world to work in."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from runbook_exec import __version__, report
from runbook_exec.app import App
from runbook_exec.change import Json
from runbook_exec.drift import line_body
from runbook_exec.editor import last_editor
from runbook_exec.errors import Busy, JournalError, Refused
from runbook_exec.journal import FIRST, SCHEMA_VERSION, Event, Kind
from runbook_exec.model import Runbook
from runbook_exec.plan import Plan
from runbook_exec.replay import refuse_erased
from runbook_exec.run import Run
from runbook_exec.scribe import Scribe
from runbook_exec.store import owner
from runbook_exec.store.sqlite import Lease
from runbook_exec.surroundings import Surroundings
from runbook_exec.values import plain

RENEWALS = 4
"""So often within its length a lease is renewed."""


@contextmanager
def surroundings(app: App, runbook: Runbook, lease: Lease) -> Iterator[Surroundings]:
    """The far sides, opened for writing, and the desk, for one run that this process holds."""
    house = app.gatehouse(app.environment.name)
    with app.sessions(write=True) as sessions:
        yield Surroundings(
            sessions=sessions,
            pause=app.desk.stop.wait,
            say=app.desk.say,
            ask=app.desk.ask,
            story=lambda run: report.story(run, runbook, app.desk.language),
            still_ours=lambda: app.store.check(lease),
            protected=app.environment.protected,
            project=app.project.folder,
            language=app.desk.language,
            gates=house,
            human=house.human,
            unproven=lambda run, decision: house.unproven(run, decision, house.people()),
            clock=app.clock,
            rehearses=app.desk.rehearses and app.environment.is_sandbox,
            hold=app.desk.hold,
        )


def pen(app: App, run: Run, lease: Lease) -> Scribe:
    """The one pen of a run whose lease this process has."""

    def append(event: Event, over: bool) -> Event:  # noqa: FBT001 - the shape of scribe.Append
        beside = event.kind == Kind.STOPPED and event.body.get("beside") is True
        return app.store.append(event, lease, over=over, beside=beside)

    def since(seq: int) -> list[Event]:
        return app.store.events(run.id, after=seq)

    return Scribe(run, append, who=app.desk.who, clock=app.clock, watch=app.desk.watch, since=since)


def acquired(app: App, run_id: str) -> Lease:
    """The lease of a run. One whose owner died on this machine is taken over at once."""
    begun = time.time()
    return app.store.acquire(
        run_id, owner=owner.this_process(), now=begun, until=begun + app.project.lease, gone=owner.is_gone
    )


@contextmanager
def holding(app: App, lease: Lease) -> Iterator[Lease]:
    """Renew the lease and cover what was written, in the background; give the lease back at the end."""
    ended, length = threading.Event(), app.project.lease

    def renew() -> None:
        while not ended.wait(length / RENEWALS):
            # Where the journal cannot be written, the run's own next event says so.
            with suppress(JournalError):
                try:
                    app.store.renew(lease, until=time.time() + length)
                    at = app.clock().isoformat(timespec="microseconds")
                    app.store.ledger.keep_time(app.project.client, at=at)
                except Busy:
                    app.desk.stop.set()  # taken over: the next append is refused anyway
                    return

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        ended.set()
        thread.join()
        # What cannot be given back lapses; the reason why we are here matters more.
        with suppress(JournalError):
            app.store.release(lease)


@contextmanager
def taken_up(app: App, run_id: str) -> Iterator[Scribe]:
    """The pen of a run that is not over, for one person's word."""
    with holding(app, acquired(app, run_id)) as lease:
        run = app.run(run_id)
        refuse_erased(run)
        if run.is_over:
            raise Refused(
                f"run {run_id} is {run.status.value}", next_move=f"`runbook log {run_id}` tells its story"
            )
        yield pen(app, run, lease)


def first_event(app: App, plan: Plan, *, run: str, ticket: str, seen_to: str = "") -> Event:
    """What begins a run: everything that going on with it will need."""
    runbook = plan.runbook
    return Event(
        client=plan.client,
        run=run,
        seq=1,
        at=app.clock().isoformat(timespec="microseconds"),
        who=app.desk.who,
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
            "requester": app.desk.who,
            "ticket": ticket,
            "language": app.desk.language,
            "timezone": app.environment.timezone,
            **({"seen_to": seen_to} if seen_to else {}),
            **_of_gates(app, runbook),
        },
        before=FIRST,
    )


def _of_gates(app: App, runbook: Runbook) -> dict[str, Json]:
    """What a run with gates keeps from its first moment: later changes of the settings help nobody."""
    if not any(step.gate for step in runbook.steps()):
        return {}
    return {
        "editor": last_editor(Path(runbook.file).resolve()),
        "decisions": "signed" if app.environment.signed else "any",
    }


def plan_body(plan: Plan) -> dict[str, Json]:
    """A plan as the journal keeps it."""
    return {
        "digest": plan.digest,
        "changes": plan.changes,
        "lines": [line_body(line) for line in plan.lines],
    }
