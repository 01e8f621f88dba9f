"""Another date for a run under way: planned anew, agreed to, and recorded, or nothing is.

Only inputs that are dates move. Done steps stay done, but for two kinds that read such a date: what
writes to the same thing another value now (when an account expires), and what only asserts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from runbook_exec import check, conduct, courier, inputs, recover, render, undoing
from runbook_exec.action import find
from runbook_exec.app import App
from runbook_exec.change import Json, Nature
from runbook_exec.drift import line_body
from runbook_exec.errors import Invalid, Refused
from runbook_exec.execute import outputs_so_far
from runbook_exec.held import acquired, holding, pen, plan_body
from runbook_exec.journal import Kind
from runbook_exec.model import Runbook, Step
from runbook_exec.past import runbook_of
from runbook_exec.plan import Plan, Scope, subject_of
from runbook_exec.replay import moved
from runbook_exec.run import Run, StepStatus
from runbook_exec.stop import put_right
from runbook_exec.values import lost_secrets

DATES = {"date", "date-time"}

Moves = Mapping[str, str]
"""Input by its dotted name → the new date."""


@dataclass(frozen=True, kw_only=True)
class _Anew:
    """What the run would be with the new dates."""

    plan: Plan
    reopened: tuple[str, ...]
    over: frozenset[str]
    known: Mapping[str, Any]


def hangs_on(runbook: Runbook, run: Run) -> list[str]:
    """The dates among the inputs that the times of what is left are computed from."""
    found = [
        ".".join(path)
        for step in runbook.steps()
        for text in step.not_before
        for path in render.names(text)
        if inputs.property_schema(runbook.inputs, list(path)).get("format") in DATES
        and not all(r.status.is_over for r in run.records_of(step.id).values() or [run.record(step.id)])
    ]
    return list(dict.fromkeys(found))


def reschedule(app: App, run_id: str, moves: Moves, *, reason: str, agree: Callable[[Plan], bool]) -> Run:
    """Move the dates, plan what is left and go on; every gate in the new plan opens again.

    Where the plan is refused or not agreed to, the run stays exactly as it was.
    """
    with holding(app, acquired(app, run_id)) as lease:
        run = app.run(run_id)
        _refuse(app, run)
        runbook = runbook_of(run)
        _check(runbook, run, moves)
        anew = _anew(app, runbook, run, moves)
        if anew.plan.refusals:
            raise Refused(
                "the new plan may not be started: " + "; ".join(anew.plan.refusals),
                where=f"run {run_id}",
                next_move="the run stays as it was; " + put_right(run_id),
            )
        if not agree(anew.plan):
            return run
        scribe = pen(app, run, lease)
        scribe.add(Kind.RESUMED, {})
        was = {name: _at(run.started["inputs"], name) for name in moves}
        body = {"moves": dict(moves), "was": was, "steps": list(anew.reopened), "reason": reason}
        scribe.add(Kind.RESCHEDULED, body)
        kept = [line for line in run.plan.get("lines", ()) if line["step"].partition("[")[0] in anew.over]
        scribe.add(Kind.PLANNED, {**plan_body(anew.plan), "lines": [*kept, *map(line_body, anew.plan.lines)]})
        ended = conduct.advanced(app, runbook, scribe, _scope(app, run, anew.known), lease)
    return courier.deliver(app, undoing.where_wanted(app, runbook, ended))


def _refuse(app: App, run: Run) -> None:
    if run.is_over or "undoes" in run.started:
        what = run.status.value if run.is_over else "an undo, which waits for no date"
        raise Refused(f"run {run.id} is {what}", next_move=undoing.about(run))
    begun = [label for label, record in run.steps.items() if record.status is StepStatus.BEGUN]
    if begun:
        raise Refused(
            f"nobody knows whether {', '.join(begun)} happened",
            next_move=f"`runbook resume {run.id}` looks first",
        )
    if run.started["environment"] != app.environment.name:
        raise Refused(
            f"run {run.id} belongs to the environment {run.started['environment']!r}",
            next_move=f"name it: -e {run.started['environment']}",
        )


def _check(runbook: Runbook, run: Run, moves: Moves) -> None:
    """Only dates that the run has, and another day for one of them at least."""
    for name, value in moves.items():
        schema = inputs.property_schema(runbook.inputs, name.split("."))
        if schema.get("format") not in DATES or _at(run.started["inputs"], name) is None:
            dates = hangs_on(runbook, run)
            raise Invalid(
                f"{name!r} is no date of this run",
                next_move=f"dates that its times hang on: {', '.join(dates) or 'none'}",
            )
        for wrong in check.problems(value, schema, lambda _, name=name: f"input {name}"):  # type: ignore[misc]
            raise wrong
    if all(_at(run.started["inputs"], name) == value for name, value in moves.items()):
        raise Refused("that is the date already", next_move=f"`runbook status {run.id}`")


def _anew(app: App, runbook: Runbook, run: Run, moves: Moves) -> _Anew:
    candidates = [step for step in runbook.steps() if _may_be_done_again(step, run, moves)]
    anew = _planned(app, runbook, run, moves, [step.id for step in candidates])
    again = [step.id for step in candidates if _is_done_again(step, run, anew.plan)]
    return anew if len(again) == len(candidates) else _planned(app, runbook, run, moves, again)


def _planned(app: App, runbook: Runbook, run: Run, moves: Moves, again: list[str]) -> _Anew:
    labels = tuple(label for step in again for label in run.records_of(step))
    then = moved(run, moves, labels)
    known = inputs.given_again(lost_secrets(then.started["inputs"]), {}, runbook.inputs)
    missing = recover.unknown_secrets(runbook, then, known)
    if missing:
        raise Invalid(
            "secret inputs are kept in memory only, and steps that are left need them: "
            + ", ".join(sorted(missing)),
            next_move=f"`runbook cancel {run.id}`, then begin anew with the new date",
        )
    scope = _scope(app, run, known)
    if subject_of(runbook, scope) != run.started["subject"]:
        raise Refused("the run would be about somebody else", next_move="begin another run")
    gates = {step.id for step in runbook.steps() if step.gate}
    over = {name: o for name, o in outputs_so_far(runbook, then).items() if name not in gates}
    scope.outputs.update(over)
    plan = app.planned(runbook, scope, skip=frozenset(over))
    return _Anew(plan=plan, reopened=labels, over=frozenset(over), known=known)


def _may_be_done_again(step: Step, run: Run, moves: Moves) -> bool:
    """Whether a done step reads a date that moves, and doing it again can be harmless."""
    records = run.records_of(step.id)
    action = find(step.uses) if step.uses else None
    if action is None or not records or not all(r.status is StepStatus.DONE for r in records.values()):
        return False
    asserts = action.nature is Nature.COMPUTES and not action.outputs
    return (asserts or action.nature is Nature.WRITES) and any(
        ".".join(path[: name.count(".") + 1]) == name for path in _names(step) for name in moves
    )


def _is_done_again(step: Step, run: Run, plan: Plan) -> bool:
    """Whether it is about the same thing as before, which exists: another ticket is not what was meant."""
    records = run.records_of(step.id)
    planned = {line["step"]: line.get("what", {}) for line in run.plan.get("lines", ())}
    for line in plan.lines:
        change = line.change
        if line.step.partition("[")[0] != step.id or change is None or line.nature is Nature.COMPUTES:
            continue
        known = records[line.step].change if line.step in records else None
        was: Mapping[str, Any] = known or planned.get(line.step, {})
        if was.get("target") != change.target or (change.before is None and not change.is_empty):
            return False
    return True


def _names(step: Step) -> Iterator[tuple[str, ...]]:
    for _, text in render.strings([step.args, step.when, step.for_each]):
        if "{{" in text:
            yield from render.names(text)


def _scope(app: App, run: Run, known: Mapping[str, Any]) -> Scope:
    began = {name: run.started[name] for name in ("ticket", "requester", "language")}
    return app.scope(known, run=run.id, timezone=str(run.started.get("timezone", "")), **began)


def _at(values: Any, name: str) -> Json:
    for part in name.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    return values
