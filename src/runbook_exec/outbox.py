"""A run's story on its ticket: told after the work, never in its way, and made up for when the desk was away.

What there is to tell is derived from the journal each time. Kept beside it is only which runs may have something
left to tell, and how far each was told; the ticket itself says that too, by the keys of our comments, so that a
process that died between telling and keeping tells nothing twice.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic, sleep
from typing import Any

from runbook_exec import load
from runbook_exec.action import Finding
from runbook_exec.app import App
from runbook_exec.checkpoint import moment
from runbook_exec.errors import Invalid, JournalError, RunbookError
from runbook_exec.journal import Event
from runbook_exec.model import Runbook
from runbook_exec.narration import closed_by, narration, ticket_of
from runbook_exec.past import runbook_of
from runbook_exec.plan_html import plan_html
from runbook_exec.replay import replay
from runbook_exec.report import story
from runbook_exec.review import draft, review
from runbook_exec.run import Run, RunStatus
from runbook_exec.sheet import kept_plan
from runbook_exec.tickets import TicketSystem, open_desk

FILE = "outbox.sqlite"
AGAIN = timedelta(minutes=5)
"""After a try that failed the next one is not made sooner."""
PATIENCE = 5.0
"""Seconds for which one process waits until another one has told."""
SECONDS = 10
"""So long at most a desk is waited for, each time."""

_SCHEMA = """CREATE TABLE IF NOT EXISTS owed (
    run TEXT PRIMARY KEY, environment TEXT NOT NULL, told INTEGER NOT NULL DEFAULT 0,
    tried_at TEXT NOT NULL DEFAULT '', failed TEXT NOT NULL DEFAULT ''
)"""


@dataclass(frozen=True, kw_only=True)
class Owed:
    """A run that may have something left to tell."""

    run: str
    environment: str
    told: int
    """Up to which event."""
    tried_at: str
    failed: str
    """Why the last try failed; empty where it did not."""


@dataclass(frozen=True, kw_only=True)
class _Tale:
    """What is told from."""

    run: Run
    runbook: Runbook
    events: list[Event]
    language: str


def expect(app: App, run: str) -> None:
    """Before a run begins: its story will be owed. Where this cannot be kept, the run goes on all the same."""
    with suppress(sqlite3.Error, OSError), _kept(app) as db:
        db.execute("INSERT OR IGNORE INTO owed (run, environment) VALUES (?, ?)", (run, app.environment_name))


def owed(app: App, *, environment: str | None = None) -> list[Owed]:
    """The runs that may have something left to tell, the oldest first."""
    if not (app.project.state / FILE).exists():
        return []
    try:
        with _kept(app) as db:
            rows = db.execute("SELECT * FROM owed ORDER BY run").fetchall()
    except (sqlite3.Error, OSError):
        return []
    found = [Owed(**dict(row)) for row in rows]
    return [one for one in found if environment in {None, one.environment}]


def tell(app: App, at: Callable[[], datetime]) -> None:
    """Tell what is owed and due, in the application's environment. Whatever goes wrong stays in here."""
    with suppress(Exception), _alone(app) as mine:
        for one in owed(app, environment=app.environment_name) if mine else ():
            if one.failed and _just_now(one.tried_at, at()):
                continue
            try:
                told, over = _told(app, one, at())
            except JournalError:
                return  # without a journal nothing is told, and nothing else is written either
            except RunbookError as error:
                _note(app, one, at(), failed=f"{error.where}: {error.what}" if error.where else error.what)
                return  # the others would wait for the same desk
            except Exception as error:  # noqa: BLE001 - a defect here holds up no run, and is shown by doctor
                _note(app, one, at(), failed=f"a defect in this program: {type(error).__name__}")
                continue
            with _kept(app) as db:
                if over:
                    db.execute("DELETE FROM owed WHERE run=?", (one.run,))
                else:
                    db.execute("UPDATE owed SET told=?, failed='' WHERE run=?", (told, one.run))


def examine(app: App) -> Iterator[tuple[str, Finding]]:
    """(run, finding) for doctor: whose story could not be told yet, and why."""
    for one in owed(app):
        if one.failed:
            when = one.tried_at[:16].replace("T", " ")
            what = f"its ticket could not be told at {when} UTC: {one.failed}"
            yield (
                f"run {one.run}",
                Finding(ok=False, what=what, next_move="`runbook resume --due` tries again"),
            )


def _told(app: App, one: Owed, at: datetime) -> tuple[int, bool]:
    """Tell what is new of a run: up to which event the ticket knows it, and whether that is all."""
    events = app.store.events(one.run)
    if not events:  # it is about to begin, or was refused and never did
        if not one.tried_at:
            _note(app, one, at, failed="")
        return 0, bool(one.tried_at) and not _just_now(one.tried_at, at)
    run = replay(events)
    if run.status is RunStatus.RUNNING or (run.seq <= one.told and not run.is_over):
        return one.told, False  # whoever works on it tells, or whoever goes on with it
    if run.erased:
        return run.seq, True
    runbook = runbook_of(run)
    number = ticket_of(run, runbook)
    papers = dict.fromkeys([*([number] if number else []), *closed_by(run)]) if run.is_over else {}
    if not number and not papers:
        return run.seq, run.is_over
    tale = _Tale(run=run, runbook=runbook, events=events, language=app.environment.language)
    connection = {"timeout": SECONDS, **app.environment.connection("ticket", write=True)}
    with open_desk(connection, write=True) as desk:
        if number:
            _comment(desk, number, tale, one.told)
        for ticket in papers:
            _attach(desk, ticket, tale)
    return run.seq, run.is_over


def _comment(desk: TicketSystem, number: str, tale: _Tale, told: int) -> None:
    mark = f"{tale.run.id}/story/"
    state = desk.read(number)
    if state is None:
        where = f"run {tale.run.id}"
        raise Invalid(f"there is no ticket {number!r}", where=where, next_move="check the number")
    keys = (str(comment["key"]) for comment in state["comments"])
    upto = max([told, *(int(key.removeprefix(mark)) for key in keys if key.startswith(mark))])
    before = replay(tale.events[:upto]) if upto else None
    if text := narration(before, tale.run, tale.runbook, tale.language):
        desk.comment(number, key=f"{mark}{tale.run.seq}", text=text, author=f"runbook ({tale.run.id})")


def _attach(desk: TicketSystem, ticket: str, tale: _Tale) -> None:
    """The papers of a run that is over: the checklist, the plan as it was agreed to, the draft of the review."""
    run, runbook, language = tale.run, tale.runbook, tale.language
    papers = [("checklist", "md", "text/markdown", story(run, runbook, language))]
    if run.plan:
        page = plan_html(kept_plan(run, runbook, run.plan["lines"]), language=language)
        papers.append(("plan", "html", "text/html", page))
    papers.append(("review", "md", "text/markdown", _review(tale)))
    for name, ending, kind, text in papers:
        file = f"{name}-{run.id}.{ending}"
        desk.attach(ticket, key=f"{run.id}/{name}", name=file, kind=kind, content=text.encode())


def _review(tale: _Tale) -> str:
    started: dict[str, Any] = dict(tale.run.started)
    schemas = started.get("schemas", {})

    def loads(text: str) -> bool:
        try:
            load.parse(text, file=str(started["file"]), fetch=lambda name: json.dumps(schemas[name]))
        except Invalid:
            return False
        return True

    return draft(review(tale.run, tale.runbook, tale.events, loads), tale.language)


def _note(app: App, one: Owed, at: datetime, *, failed: str) -> None:
    with _kept(app) as db:
        now = at.isoformat(timespec="seconds")
        db.execute("UPDATE owed SET tried_at=?, failed=? WHERE run=?", (now, failed, one.run))


def _just_now(tried_at: str, at: datetime) -> bool:
    return timedelta(0) <= at - moment(tried_at) < AGAIN


@contextmanager
def _alone(app: App) -> Iterator[bool]:
    """One process at a time tells; who comes meanwhile waits a little, then leaves it to the next command."""
    file = app.project.state / FILE
    if not file.exists():
        yield False
        return
    until = monotonic() + PATIENCE
    with file.with_suffix(".lock").open("w") as lock:
        while not (mine := _locked(lock.fileno())) and monotonic() < until:
            sleep(0.05)
        yield mine


def _locked(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@contextmanager
def _kept(app: App) -> Iterator[sqlite3.Connection]:
    file = app.project.state / FILE
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.touch(mode=0o600)
    with closing(sqlite3.connect(file, timeout=5)) as db:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA synchronous=FULL")
        with db:
            db.execute(_SCHEMA)
            yield db
