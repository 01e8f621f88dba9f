"""Going on after an end that was none: what only memory held, and what must be done again for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook_exec import render
from runbook_exec.model import Runbook, Step
from runbook_exec.run import Run, StepStatus
from runbook_exec.secret import Secret
from runbook_exec.values import lost_secrets


def to_reopen(runbook: Runbook, run: Run) -> list[str]:
    """Labels of done steps to do again: they made a secret that a step still to do needs, or used it.

    Secrets live in memory only. A new one must be set everywhere the lost one was.
    """
    over = {step.id for step in runbook.steps() if _is_over(run, step.id)}
    lost = makers_of_secrets(runbook, run)
    needed = {
        name
        for step in runbook.steps()
        if not _is_settled(run, step.id)
        for name in reads(step)
        if name in lost
    }
    again = {
        step.id for step in runbook.steps() if step.id in over and (step.id in needed or needed & reads(step))
    }
    return [label for step in runbook.steps() if step.id in again for label in run.records_of(step.id)]


def makers_of_secrets(runbook: Runbook, run: Run) -> set[str]:
    """Steps that are over and made a secret, which nobody has once the run's process is gone."""
    return {
        step.id
        for step in runbook.steps()
        if _is_over(run, step.id)
        and any(_secrets(lost_secrets(record.outputs)) for record in run.records_of(step.id).values())
    }


def unsettled(runbook: Runbook, run: Run) -> list[str]:
    """Labels of steps on which a person's word may be put: in doubt, in conflict, or a secret handed over unconfirmed.

    Nothing but a person can tell whether it was handed over.
    """
    handed = {step.id for step in runbook.steps() if step.args.get("reveal")}
    return [
        label
        for label, record in run.steps.items()
        if record.status in {StepStatus.BEGUN, StepStatus.DRIFTED}
        or (record.status is StepStatus.WAITING and record.change and label.partition("[")[0] in handed)
    ]


def may_be_handed_over(runbook: Runbook, run: Run) -> bool:
    """Whether a person was asked to hand a secret over and did not confirm it: they may have done so."""
    return any(
        step.args.get("reveal") and record.status in {StepStatus.WAITING, StepStatus.BEGUN}
        for step in runbook.steps()
        for record in run.records_of(step.id).values()
    )


def unknown_secrets(runbook: Runbook, run: Run, inputs: Mapping[str, Any], *, due: str = "") -> set[str]:
    """Names of secret inputs that a step still to do needs and whose value nobody has any more.

    `due` is a deferred step that is to be done now.
    """
    needed: set[str] = set()
    for step in runbook.steps():
        if step.id == due or not _is_settled(run, step.id):
            needed |= reads(step)
    return {
        name for name in needed & set(inputs) if any(secret.is_planned for secret in _secrets(inputs[name]))
    }


def reads(step: Step) -> set[str]:
    """The first part of every name that a step's expressions read."""
    texts = [
        text for _, text in render.strings([step.args, step.within, step.when, step.for_each]) if "{{" in text
    ]
    return {path[0] for text in texts for path in render.names(text)}


def _is_over(run: Run, step_id: str) -> bool:
    records = run.records_of(step_id)
    return bool(records) and all(record.status.is_over for record in records.values())


def _is_settled(run: Run, step_id: str) -> bool:
    """Over, or put off: nothing is needed for it now."""
    return _is_over(run, step_id) or run.record(step_id).status is StepStatus.DEFERRED


def _secrets(value: Any) -> list[Secret]:
    if isinstance(value, Secret):
        return [value]
    if isinstance(value, Mapping):
        return [found for item in value.values() for found in _secrets(item)]
    if isinstance(value, list | tuple):
        return [found for item in value for found in _secrets(item)]
    return []
