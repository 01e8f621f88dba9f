"""Mails about gates: to those who may open one, to whom it is escalated, and to whoever asked in vain.

Each is put on the record before it goes out, so that nobody gets it twice, and again where it did
not go out. A mail says what waits and how to look at it; it holds no link, and answering it decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from runbook_exec import almanac, report
from runbook_exec.app import App, now
from runbook_exec.change import Json
from runbook_exec.decisions import View, view_of
from runbook_exec.errand import carry_out
from runbook_exec.errors import Busy, JournalError, RunbookError
from runbook_exec.gatehouse import waiting_gates
from runbook_exec.journal import Kind
from runbook_exec.notice import AGAIN, About, Notice, next_time, notices, was_told
from runbook_exec.past import runbook_of
from runbook_exec.people import Person
from runbook_exec.proof import record
from runbook_exec.run import Run, RunStatus, StepStatus
from runbook_exec.stop import stamp
from runbook_exec.threshold import words_of
from runbook_exec.visible import visible

TEMPLATES = {
    About.DECIDE: "gate-waits",
    About.FALLBACK: "gate-stand-in",
    About.ESCALATED: "gate-escalated",
    About.EXPIRED: "gate-expired",
}


class _ToldAlready(Exception):
    """Another process was quicker."""


def deliver(app: App, run: Run, *, at: datetime | None = None) -> Run:
    """Tell whoever is to be told about the gates of a run, where its environment has mail; gives the run then."""
    if run.status not in {RunStatus.WAITING, RunStatus.REFUSED} or "mail" not in app.environment.connections:
        return run
    try:
        return _delivered(app, run, at or now())
    except (JournalError, Busy):
        raise
    except RunbookError as error:
        app.desk.say("mail", error.what)  # the run stands as it stood; a later round tries again
        return app.run(run.id)


def _delivered(app: App, run: Run, moment: datetime) -> Run:
    seen = run
    for gate in waiting_gates(run):
        if run.record(gate).status not in {StepStatus.WAITING, StepStatus.FAILED}:
            continue
        view = view_of(app.gatehouse(app.environment.name), seen, gate)
        usual = app.environment.reminders
        found = notices(
            seen, gate, view.rule, view.state, facts=view.facts, people=view.people, usual=usual, now=moment
        )
        due = next_time(view.rule, view.facts, usual, moment) if run.status is RunStatus.WAITING else None
        for notice in found:
            run = _sent(app, run, view, notice, due)
    return run


def _sent(app: App, known: Run, view: View, notice: Notice, due: datetime | None) -> Run:
    """Put it on the record, send it, and put on the record who it did not reach."""
    mine: list[str] = []

    def claimed(run: Run) -> tuple[Kind, str, Mapping[str, Json]]:
        mine[:] = [p.id for p in notice.to if not was_told(run, view.gate, notice.keys[-1], p.id)]
        if not mine or run.plan.get("digest") != view.facts.digest:
            raise _ToldAlready
        body = _body(view, notice, mine)
        # Only while nobody else has said anything does the time stand for the whole run.
        timed = {"due": stamp(due) if due else ""} if run.seq == known.seq else {}
        return Kind.TOLD, app.stamp(run), {**body, **timed}

    try:
        run = record(app, known.id, claimed)
    except _ToldAlready:
        return app.run(known.id)
    missed: dict[str, str] = {}
    for person in (p for p in notice.to if p.id in mine):
        try:
            _mail(app, run, view, notice, person)
        except RunbookError as error:
            missed[person.id] = error.what
    if not missed:
        return run
    failed = {**_body(view, notice, list(missed)), "failed": next(iter(missed.values()))}
    again = stamp(min([now() + AGAIN, *([due] if due else [])]))

    def unsent(later: Run) -> tuple[Kind, str, Mapping[str, Json]]:
        return Kind.TOLD, app.stamp(later), {**failed, **({"due": again} if later.seq == run.seq else {})}

    return record(app, run.id, unsent)


def _body(view: View, notice: Notice, to: list[str]) -> dict[str, Json]:
    return {
        "gate": view.gate,
        "digest": view.facts.digest,
        "about": notice.about.value,
        "keys": list(notice.keys),
        "to": to,
    }


def _mail(app: App, run: Run, view: View, notice: Notice, person: Person) -> None:
    language = person.language or app.environment.language
    runbook, zone = (
        runbook_of(run),
        almanac.zone(str(run.started.get("timezone") or app.environment.timezone)),
    )

    def moment(at: datetime | None) -> str:
        return almanac.said(almanac.written(at, zone), language) if at else ""

    values = {
        "name": person.name,
        "run": run.id,
        "gate": view.gate,
        "title": report.titled(runbook.step(view.gate).title, language),
        "runbook": report.titled(runbook.title, language),
        "subject": str(run.started.get("subject", "")),
        "requester": view.facts.requester,
        "since": moment(view.facts.since),
        "until": moment(getattr(view.state, "until", None)),
        "state": words_of(view.state, language),
    }
    carry_out(
        app,
        run,
        "mail.send",
        {
            "to": person.mail or person.id,
            "template": TEMPLATES[notice.about],
            "language": language,
            "values": {name: _line(value) for name, value in values.items()},
        },
        step=f"{view.gate}/{notice.keys[-1]}/{view.facts.digest[:12]}/{person.id}",
    )


def _line(text: str) -> str:
    """Anything from outside on one line, with what is invisible spelled out."""
    return visible(" ".join(text.split()))
