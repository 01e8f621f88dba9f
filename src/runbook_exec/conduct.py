"""Beginning a run and going on with one, with the lease held meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from runbook_exec import __version__, courier, inputs, outbox, recover, undoing
from runbook_exec.agree import PEOPLE
from runbook_exec.app import App, now
from runbook_exec.change import Nature
from runbook_exec.deferral import refuse_ending
from runbook_exec.drift import line_body
from runbook_exec.errors import Busy, Invalid, JournalError, Refused, RunbookError
from runbook_exec.execute import advance, outputs_so_far
from runbook_exec.held import acquired, first_event, holding, pen, plan_body, surroundings, taken_up
from runbook_exec.journal import Kind
from runbook_exec.model import Mode, Runbook
from runbook_exec.past import runbook_of
from runbook_exec.plan import Plan, Scope
from runbook_exec.proof import record
from runbook_exec.replay import refuse_erased, replay
from runbook_exec.run import Run, RunStatus, StepStatus, Word
from runbook_exec.scribe import Scribe
from runbook_exec.stop import Stop, ended_body, put_right
from runbook_exec.store import owner
from runbook_exec.store.sqlite import Lease
from runbook_exec.values import lost_secrets


def start(app: App, plan: Plan, *, run: str, ticket: str = "", seen_to: str = "") -> Run:
    """Begin a run with a plan and go on until it is done or stops.

    `seen_to` is an earlier run: what it left half done has been seen to by hand.
    """
    if plan.refusals:
        raise Refused("this plan may not be started: " + "; ".join(plan.refusals))
    runbook = plan.runbook
    first = first_event(app, plan, run=run, ticket=ticket, seen_to=seen_to)
    outbox.expect(app, run)
    lease = app.store.create(
        first,
        subject=plan.subject,
        runbook=runbook.name,
        owner=owner.this_process(),
        until=time.time() + app.project.lease,
    )
    (written,) = app.store.events(run)
    begun = replay([written])
    app.desk.watch(written, begun)
    with holding(app, lease):
        scribe = pen(app, begun, lease)
        scribe.add(Kind.PLANNED, plan_body(plan))
        scope = app.scope(plan.inputs, run=run, ticket=ticket, requester=app.desk.who)
        ended = advanced(app, runbook, scribe, scope, lease)
    return courier.deliver(app, undoing.where_wanted(app, runbook, ended))


def resume(
    app: App,
    run_id: str,
    *,
    values: Mapping[str, Any] | None = None,
    agree: Callable[[Plan], bool] | None,
    due: str = "",
) -> Run:
    """Go on with a run from its journal; done steps stay done, and deferred ones deferred, but for `due`.

    `agree` is asked with a new plan for what is left (`--replan`); None keeps the old plan.
    """
    seen = app.run(run_id)
    refuse_erased(seen)
    if due and seen.record(due).status is not StepStatus.DEFERRED:
        raise Refused(
            f"step {due!r} of run {run_id} is not put off", next_move="`runbook deferrals` lists them"
        )
    if "undoes" in seen.started:
        return courier.deliver(app, undoing.go_on(app, run_id, agree=agree))
    with holding(app, acquired(app, run_id)) as lease:
        run = app.run(run_id)
        if run.is_over:
            raise Refused(f"run {run_id} is {run.status.value}", next_move=undoing.about(run))
        if not run.plan and agree is None:
            raise Refused(
                f"run {run_id} ended before its plan was recorded; nothing was done",
                next_move=f"`runbook resume {run_id} --replan` plans it again",
            )
        if run.started["environment"] != app.environment.name:
            raise Refused(
                f"run {run_id} belongs to the environment {run.started['environment']!r}",
                next_move=f"name it: -e {run.started['environment']}",
            )
        runbook = runbook_of(run)
        known = inputs.given_again(lost_secrets(run.started["inputs"]), values or {}, runbook.inputs)
        missing = recover.unknown_secrets(runbook, run, known, due=due)
        if missing:
            raise Invalid(
                "secret inputs are kept in memory only; give again: " + ", ".join(sorted(missing)),
                next_move="give them with --inputs FILE, or with --inputs - on standard input",
            )
        scribe = pen(app, run, lease)
        scribe.add(Kind.RESUMED, {"program": __version__})
        if due:
            scribe.add(Kind.DUE, {"step": due, "reason": "it was put off, and is done now"})
        for label in recover.to_reopen(runbook, scribe.run):
            reason = "a secret that only memory held is lost, so it is made anew"
            scribe.add(Kind.REOPENED, {"step": label, "reason": reason})
        began = {name: run.started[name] for name in ("ticket", "requester", "language")}
        scope = app.scope(known, run=run_id, timezone=str(run.started.get("timezone", "")), **began)
        if agree is not None and not _agreed(app, runbook, scribe, scope, agree):
            return scribe.run
        scope.outputs.clear()
        ended = advanced(app, runbook, scribe, scope, lease)
    return courier.deliver(app, undoing.where_wanted(app, runbook, ended))


def resolve(app: App, run_id: str, step: str, *, how: Word, reason: str) -> Run:
    """Put a person's word about a step on the record. Only where reading could not settle it."""
    with taken_up(app, run_id) as scribe:
        runbook = runbook_of(scribe.run)
        if any(gate.id == step for gate in runbook.steps() if gate.gate):
            raise Refused(
                f"{step!r} is a gate: nobody can say that it is done",
                next_move=f"`runbook approve {run_id} {step}`, by whoever may",
            )
        open_ones = recover.unsettled(runbook, scribe.run)
        if step not in open_ones:
            raise Refused(
                f"step {step!r} of run {run_id} is not in doubt",
                next_move=f"in doubt are: {', '.join(open_ones)}"
                if open_ones
                else f"`runbook status {run_id}` shows how each step stands",
            )
        if how is Word.DONE:
            _refuse_alone(app, runbook, scribe, step)
        return scribe.add(Kind.RESOLVED, {"step": step, "how": how.value, "reason": reason})


def _refuse_alone(app: App, runbook: Runbook, scribe: Scribe, label: str) -> None:
    """A person's item that takes two people is not done by the word of one."""
    step = runbook.step(label.partition("[")[0])
    record, human = scribe.run.record(label), app.gatehouse(str(scribe.run.started["environment"])).human
    if step.mode is not Mode.CHALLENGE or record.nature != Nature.HUMAN:
        return
    said = {human(account) for account in (*record.confirmed_by, scribe.who)} - {""}
    if len(said) < PEOPLE[Mode.CHALLENGE]:
        raise Refused(
            f"step {label!r} takes the word of two different people",
            next_move="somebody else says it, after one of them has confirmed it",
        )


def cancel(app: App, run_id: str, *, reason: str) -> Run:
    """End a run for good; what was done stays done.

    Refused while a step is in doubt, and over an open deferral for whoever may not say never.
    """
    with taken_up(app, run_id) as scribe:
        begun = [label for label, r in scribe.run.steps.items() if r.status is StepStatus.BEGUN]
        if begun:
            raise Refused(
                f"nobody knows whether {', '.join(begun)} happened",
                next_move=f"`runbook resume {run_id}` looks; or say it: `runbook resolve {run_id} {begun[0]} done`",
            )
        refuse_ending(app, scribe.run)
        return scribe.add(Kind.CANCELLED, ended_body(scribe.run, reason))


def ask_to_end(app: App, run_id: str, *, reason: str) -> Run:
    """Have whoever works on a run end it for good, once the step in flight is settled."""
    refuse_ending(app, app.run(run_id))

    def made(run: Run) -> tuple[Kind, str, dict[str, str]]:
        if run.is_over:
            raise Refused(
                f"run {run_id} is {run.status.value}", next_move=f"`runbook log {run_id}` tells its story"
            )
        return Kind.ENDING, now().isoformat(timespec="microseconds"), {"reason": reason}

    return record(app, run_id, made)


def _agreed(app: App, runbook: Runbook, scribe: Scribe, scope: Scope, agree: Callable[[Plan], bool]) -> bool:
    """Whether there is a new plan now; where not, the run stands still, and the record says why."""
    stop = Stop(RunStatus.DRIFTED, "the new plan was not agreed to")
    try:
        if _replanned(app, runbook, scribe, scope, agree):
            return True
    except (JournalError, Busy):
        raise
    except RunbookError as error:
        scribe.add(Kind.STOPPED, Stop.of(error, run=scribe.run.id).body())
        raise
    except BaseException:  # Ctrl-C at the question
        scribe.add(Kind.STOPPED, stop.body())
        raise
    scribe.add(Kind.STOPPED, stop.body())
    return False


def _replanned(
    app: App, runbook: Runbook, scribe: Scribe, scope: Scope, agree: Callable[[Plan], bool]
) -> bool:
    gates = {step.id for step in runbook.steps() if step.gate}
    over = {name: o for name, o in outputs_so_far(runbook, scribe.run).items() if name not in gates}
    scope.outputs.update(over)
    plan = app.planned(runbook, scope, skip=frozenset(over))
    if plan.refusals:
        raise Refused(
            "the new plan may not be started: " + "; ".join(plan.refusals),
            where=f"run {scribe.run.id}",
            next_move=put_right(scribe.run.id),
        )
    if not agree(plan):
        return False
    kept = [line for line in scribe.run.plan.get("lines", ()) if line["step"].partition("[")[0] in over]
    scribe.add(Kind.PLANNED, {**plan_body(plan), "lines": [*kept, *map(line_body, plan.lines)]})
    return True


def advanced(app: App, runbook: Runbook, scribe: Scribe, scope: Scope, lease: Lease) -> Run:
    """Go on with a run that this process holds until it is done or stops."""
    with surroundings(app, runbook, lease) as around:
        return advance(runbook, scribe, scope, around)
