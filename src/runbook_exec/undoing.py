"""Taking a run back as a run of its own: planned, agreed to, journalled, resumed like any other."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from runbook_exec import __version__, outbox, undo
from runbook_exec.app import App, new_run_id
from runbook_exec.change import Json
from runbook_exec.drift import line_body
from runbook_exec.errors import Busy, Invalid, JournalError, Refused, RunbookError
from runbook_exec.execute import advance, outputs_so_far
from runbook_exec.held import acquired, first_event, holding, pen, plan_body, surroundings
from runbook_exec.journal import Event, Kind
from runbook_exec.model import Runbook
from runbook_exec.past import runbook_of
from runbook_exec.plan import Plan, Scope
from runbook_exec.replay import refuse_erased, replay
from runbook_exec.run import Run, RunStatus, StepStatus
from runbook_exec.scribe import Scribe
from runbook_exec.store import owner
from runbook_exec.store.sqlite import Lease
from runbook_exec.values import lost_secrets, plain


@dataclass(frozen=True, kw_only=True)
class Undo:
    """A plan to take back a run, as the run stood when it was made."""

    run: Run
    start: str
    """The earliest step that is taken back; empty: the first."""
    backs: tuple[undo.Way, ...]
    plan: Plan


def plan(app: App, run_id: str, *, start: str = "", gates: bool = True) -> Undo:
    """Plan by reading alone. Raises `Refused` where the run cannot be taken back."""
    run = app.run(run_id)
    _refuse(app, run)
    backs = undo.ways(runbook_of(run), run, start=start)
    return Undo(run=run, start=start, backs=tuple(backs), plan=_planned(app, run, backs, gates=gates))


def begin(app: App, made: Undo) -> Run:
    """End the run for good, begin the one that takes it back, and go on until that is done or stops."""
    if made.plan.refusals:
        raise Refused("this plan may not be started: " + "; ".join(made.plan.refusals))
    back = new_run_id()
    with holding(app, acquired(app, made.run.id)) as lease:
        run = app.run(made.run.id)
        if run.head != made.run.head:
            raise Refused(f"run {run.id} has gone on since this was planned", next_move="the same again")
        labels = [line.step for line in made.plan.lines]
        first = first_event(app, made.plan, run=back, ticket=str(run.started["ticket"]))
        more: dict[str, Json] = {"undoes": run.id, "from": made.start, "taken_back": labels}
        first = replace(first, body={**first.body, **more})
        outbox.expect(app, back)
        # One transaction: there is no moment in which neither of the two is about the subject.
        own = app.store.create(
            first,
            subject=made.plan.subject,
            runbook=f"undo {made.plan.runbook.name}",
            owner=owner.this_process(),
            until=time.time() + app.project.lease,
            instead_of=(_last_word(app, run, back), lease),
        )
    (written,) = app.store.events(back)
    begun = replay([written])
    app.desk.watch(written, begun)
    with holding(app, own):
        scribe = pen(app, begun, own)
        scribe.add(Kind.PLANNED, plan_body(made.plan))
        return _worked(app, run, scribe, list(made.backs), own)


def go_on(app: App, run_id: str, *, agree: Callable[[Plan], bool] | None) -> Run:
    """Go on with a run that takes another one back; what is taken back stays so."""
    with holding(app, acquired(app, run_id)) as lease:
        back = app.run(run_id)
        if back.is_over:
            _settle(app, back)
            raise Refused(f"run {run_id} is {back.status.value}", next_move=about(back))
        _refuse_environment(app, back)
        run = app.run(str(back.started["undoes"]))
        backs = undo.ways(runbook_of(run), run, start=str(back.started["from"]))
        scribe = pen(app, back, lease)
        scribe.add(Kind.RESUMED, {"program": __version__})
        if (agree is not None or not back.plan) and not _replanned(app, run, scribe, backs, agree):
            stop = {"status": RunStatus.DRIFTED.value, "why": "the new plan was not agreed to"}
            return scribe.add(Kind.STOPPED, stop)
        return _worked(app, run, scribe, backs, lease)


def where_wanted(app: App, runbook: Runbook, run: Run) -> Run:
    """Take a run back that stopped at a failed step with `on_failure: undo`; any other stays as it is."""
    if not undo.wanted(runbook, run):
        return run
    app.desk.say(_failed(run), f"{run.why}; taking back what this run did")
    try:
        # Whoever approved the run approved that it is taken back where this step fails.
        begin(app, plan(app, run.id, gates=False))
        return app.run(run.id)
    except (JournalError, Busy):
        raise
    except RunbookError as error:
        with holding(app, acquired(app, run.id)) as lease:
            body = {
                "status": RunStatus.FAILED.value,
                "why": f"{run.why}; and taking it back was not begun: {error.what}",
                "next_move": f"`runbook undo {run.id}` tries again",
                "kind": error.kind,
            }
            return pen(app, app.run(run.id), lease).add(Kind.STOPPED, body)


def about(run: Run) -> str:
    """The next move for somebody who wants to go on with a run that is over."""
    if run.status is RunStatus.UNDOING:
        return f"run {run.undone_by} takes it back: `runbook resume {run.undone_by}` goes on with that"
    return f"`runbook log {run.id}` tells its story"


def _failed(run: Run) -> str:
    return next(label for label, record in run.steps.items() if record.status is StepStatus.FAILED)


# What may be taken back


def _refuse(app: App, run: Run) -> None:
    refuse_erased(run)
    if "undoes" in run.started:
        raise Refused(
            f"run {run.id} is itself the undo of run {run.started['undoes']}",
            next_move="to have it again, run the runbook again: it plans from how things are now",
        )
    if run.status is RunStatus.UNDONE and _all_back(run):
        raise Refused(
            f"run {run.id} is undone already, by run {run.undone_by}",
            next_move=f"`runbook status {run.undone_by}` shows it",
        )
    if run.status is RunStatus.UNDOING and not app.run(run.undone_by).is_over:
        raise Busy(f"run {run.undone_by} takes run {run.id} back", next_move=about(run))
    _refuse_environment(app, run)


def _all_back(run: Run) -> bool:
    return not undo.ways(runbook_of(run), run)


def _refuse_environment(app: App, run: Run) -> None:
    if run.started["environment"] != app.environment.name:
        raise Invalid(
            f"run {run.id} belongs to the environment {run.started['environment']!r}",
            next_move=f"name it: -e {run.started['environment']}",
        )


# Planning and doing


def _planned(app: App, run: Run, backs: list[undo.Way], *, gates: bool) -> Plan:
    runbook, environment = runbook_of(run), app.environment
    with app.sessions(write=False) as sessions:
        return undo.make_plan(
            runbook,
            run,
            backs,
            scope=_scope(app, run, run.id),
            read=sessions.read,
            key=app.store.subject_key(run.client, str(run.started["subject"])),
            protected=environment.protected,
            gates=gates,
        )


def _scope(app: App, run: Run, run_id: str) -> Scope:
    """The names that the run's own expressions read, for the rules of its gates."""
    started = run.started
    scope = app.scope(
        lost_secrets(started["inputs"]),
        run=run_id,
        ticket=str(started["ticket"]),
        requester=str(started["requester"]),
        timezone=str(started.get("timezone", "")),
    )
    scope.outputs.update(outputs_so_far(runbook_of(run), run))
    return scope


def _replanned(
    app: App, run: Run, scribe: Scribe, backs: list[undo.Way], agree: Callable[[Plan], bool] | None
) -> bool:
    over = {label for label, record in scribe.run.steps.items() if record.status.is_over}
    left = [way for way in backs if way.label not in over]
    gates = any(step.gate for step in runbook_of(scribe.run).steps())
    made = _planned(app, run, left, gates=gates)
    if made.refusals:
        raise Refused("the new plan may not be started: " + "; ".join(made.refusals))
    if agree is not None and not agree(made):
        return False
    kept = [line for line in scribe.run.plan.get("lines", ()) if line["step"] in over]
    scribe.add(Kind.PLANNED, {**plan_body(made), "lines": [*kept, *map(line_body, made.lines)]})
    return True


def _worked(app: App, run: Run, scribe: Scribe, backs: list[undo.Way], lease: Lease) -> Run:
    checklist = runbook_of(scribe.run)
    scope = _scope(app, run, scribe.run.id)
    with surroundings(app, checklist, lease) as around:
        planning = undo.TakingBack(checklist, backs, scope, around.sessions.read)
        ended = advance(checklist, scribe, scope, around, planning)
    _settle(app, ended)
    return ended


# The two journals


def _last_word(app: App, run: Run, back: str) -> Event:
    """What ends a run that is to be taken back."""
    body = {
        "by": back,
        "why": _because(run, f"being taken back by run {back}"),
        "next_move": f"`runbook resume {back}` goes on with taking it back, where that has stopped",
    }
    return Event(
        client=run.client,
        run=run.id,
        seq=run.seq + 1,
        at=app.stamp(run),
        who=app.desk.who,
        kind=Kind.UNDOING,
        body=plain(body),
        before=run.head,
    )


def _settle(app: App, back: Run) -> None:
    """Say in the journal of the undone run how that went, once it is over."""
    run = app.run(str(back.started["undoes"]))
    if back.status is not RunStatus.DONE or run.status is not RunStatus.UNDOING or run.undone_by != back.id:
        return
    left = undo.left_behind(back)
    done = [label for label, record in back.steps.items() if record.status is StepStatus.DONE]
    start = f" from step {back.started['from']!r} on" if back.started["from"] else ""
    why = f"taken back{start} by run {back.id}" + (f", but for {', '.join(left)}" if left else "")
    body = {"by": back.id, "why": _because(run, why), "steps": done, "left": left}
    with holding(app, acquired(app, run.id)) as lease:
        pen(app, run, lease).add(Kind.UNDONE, body)


def _because(run: Run, what: str) -> str:
    before, found, _ = run.why.partition("being taken back by run ")
    reason = before.removesuffix("; ") if found else run.why
    return f"{reason}; {what}" if reason else what
