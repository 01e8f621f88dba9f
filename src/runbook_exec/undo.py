"""Taking a run back: what it changed, last first, each value held against the world as it is now.

Everything comes from the run's own events: the before-image of each step, and what the far
side answered. Reading the world is the only effect of planning.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runbook_exec import guards
from runbook_exec.action import Action, find
from runbook_exec.change import Change, Evidence, Facts, Irreversible, Json, Nature, Ref
from runbook_exec.diff import one_line, shown
from runbook_exec.errors import Failed, Invalid, Refused, RunbookError, Transient
from runbook_exec.images import change_of
from runbook_exec.known import Known, Read
from runbook_exec.model import OnFailure, Runbook, Step
from runbook_exec.overlay import Overlay
from runbook_exec.past import taken_back
from runbook_exec.plan import Line, Plan, Scope, Status, gathered, plan_digest, plan_step
from runbook_exec.run import Run, RunStatus, StepRecord, StepStatus
from runbook_exec.values import lost_secrets

UNSETTLED = {
    StepStatus.BEGUN,
    StepStatus.FAILED,
    StepStatus.DRIFTED,
    StepStatus.WAITING,
    StepStatus.DEFERRED,
    StepStatus.NEVER,
}
"""A step that was begun and is here may have had an effect, or a part of one."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One step of a run (or one element of its `for_each`), and how it is taken back."""

    label: str
    step: Step
    action: Action[Any]
    evidence: Evidence
    back: Change | Irreversible
    doubtful: bool = False
    """It was begun, and nothing tells whether it happened."""


def wanted(runbook: Runbook, run: Run) -> bool:
    """Whether the run stopped at a failed step that says `on_failure: undo`."""
    undoing = {step.id for step in runbook.steps() if step.on_failure is OnFailure.UNDO}
    return run.status is RunStatus.FAILED and any(
        record.status is StepStatus.FAILED
        for step_id in undoing
        for record in run.records_of(step_id).values()
    )


def ways(runbook: Runbook, run: Run, *, start: str = "") -> list[Way]:
    """Everything that the run did, last first, from its end back to the step `start`.

    Raises `Invalid` where the runbook has no such step.
    """
    steps = list(runbook.steps())
    if start:
        ids = [step.id for step in steps]
        if start not in ids:
            raise Invalid(f"there is no step {start!r}", next_move="its steps: " + ", ".join(ids))
        steps = steps[ids.index(start) :]
    return [way for step in reversed(steps) for way in _ways_of(step, run)]


def _ways_of(step: Step, run: Run) -> Iterator[Way]:
    records = run.records_of(step.id)
    for label in sorted(records, key=_index, reverse=True):
        record, action = records[label], find(step.uses)
        change = change_of(record)
        if action is None or change is None or not _may_have_happened(record, action.nature):
            continue
        evidence = Evidence(
            answer=record.evidence, outputs=lost_secrets(record.outputs), undo=lost_secrets(record.undo)
        )
        yield Way(
            label=label,
            step=step,
            action=action,
            evidence=evidence,
            back=action.undo(change, evidence),
            doubtful=not record.happened,
        )


def _may_have_happened(record: StepRecord, nature: Nature) -> bool:
    if record.status is StepStatus.UNDONE:
        return False
    if nature in {Nature.BLIND, Nature.HUMAN}:
        return record.happened or record.status is StepStatus.BEGUN
    return record.happened or record.status in UNSETTLED


def line(way: Way, section: int, read: Read) -> Line:
    """What of a way back is still to be done, from a fresh read."""
    common: dict[str, Any] = {
        "step": way.label,
        "title": way.step.title,
        "section": section,
        "uses": way.step.uses,
        "nature": way.action.nature,
    }
    if isinstance(way.back, Irreversible):
        why = way.step.irreversible or way.back.reason
        doubt = "it was begun, and nobody knows whether it happened; " if way.doubtful else ""
        return Line(status=Status.LOST, reason=doubt + why, irreversible=way.step.irreversible, **common)
    try:
        left = _left(way, way.back, read)
    except (Refused, Failed) as error:
        if isinstance(error, Transient):
            raise
        return Line(status=Status.LOST, reason=error.what, **common)
    if left.blocked:
        return Line(status=Status.LOST, reason=left.blocked, **common)
    status = Status.SAME if left.is_empty else Status.CHANGE
    return Line(status=status, change=left, reason=kept(left.conflicts), **common)


def _left(way: Way, back: Change, read: Read) -> Change:
    facts = gathered(way.action.name, lambda facts: way.action.undo_reads(back, way.evidence, facts), read)
    return way.action.undo_plan(back, way.evidence, facts)


def kept(conflicts: Mapping[str, Json]) -> str:
    """Which values stay, since somebody else changed them."""
    if not conflicts:
        return ""
    told = (
        f"{one_line(name)} is {shown(c['found'])}, this run left {shown(c['left'])}"
        for name, c in conflicts.items()
    )
    return "changed by somebody else since, so it stays: " + "; ".join(told)


def make_plan(
    runbook: Runbook,
    run: Run,
    backs: Sequence[Way],
    *,
    scope: Scope,
    read: Read,
    key: bytes,
    protected: Mapping[str, Sequence[str]] | None = None,
    gates: bool = True,
) -> Plan:
    """Plan the taking back by reading alone. Gates that covered what is taken back cover this, too."""
    covering = list(_gates_before(runbook, backs)) if gates else []
    checklist = taken_back(runbook, [*(step.id for step in covering), *(way.label for way in backs)])
    sections = sections_of(checklist)
    world = _World(read)
    world.look_ahead(backs)
    lines = [found for step in covering for found in plan_step(step, 0, scope, world.read)]
    for way in backs:
        planned = line(way, sections[way.step.id], world.read)
        if planned.change is not None:
            world.overlay.lay(planned.change)
        lines.append(planned)
    plan = Plan(
        client=run.client,
        environment=str(run.started["environment"]),
        runbook=checklist,
        inputs=scope.inputs,
        subject=str(run.started["subject"]),
        lines=tuple(lines),
        undoes=run.id,
        refusals=tuple(guards.refusals(runbook.guards, lines, protected or {})),
    )
    return replace(plan, digest=plan_digest(plan, key))


def _gates_before(runbook: Runbook, backs: Sequence[Way]) -> Iterator[Step]:
    """The gates that stand before something that is taken back."""
    ids = {way.step.id for way in backs}
    steps = list(runbook.steps())
    last = max((number for number, step in enumerate(steps) if step.id in ids), default=-1)
    yield from (replace(step, not_before=()) for step in steps[: last + 1] if step.gate)


class TakingBack:
    """Where an undo's lines come from while it is carried out."""

    def __init__(self, checklist: Runbook, backs: Sequence[Way], scope: Scope, read: Read) -> None:
        self.backs = {way.label: way for way in backs}
        self.sections, self.read = sections_of(checklist), read
        # The rules of gates read what the run gave, also once it is taken back.
        self.scope = replace(scope, outputs=dict(scope.outputs))

    def lines(self, step: Step, but: Container[str]) -> Iterator[Line]:
        if step.gate:
            yield from plan_step(step, self.sections[step.id], self.scope, self.read, but=but)
        for way in self.backs.values():
            if way.step.id == step.id and way.label not in but:
                yield line(way, self.sections[step.id], self.read)

    def again(self, planned: Line, step: Step) -> Line:
        return line(self.backs[planned.step], planned.section, self.read)


class _World:
    """What was read, with the ways back planned so far laid over it."""

    def __init__(self, read: Read) -> None:
        self.known, self.overlay = Known(read), Overlay()

    def look_ahead(self, backs: Sequence[Way]) -> None:
        """Read what all lines are known to need in one request. A guess: its errors are met again later."""
        refs = [
            ref
            for way in backs
            if isinstance(way.back, Change)
            for ref in way.action.undo_reads(way.back, way.evidence, {})
        ]
        try:
            self.known.fetch(refs)
        except RunbookError:
            return

    def read(self, refs: Sequence[Ref]) -> Facts:
        lacking = [ref for ref in refs if not self.overlay.settles(ref) and self.known.lacks(ref)]
        if lacking:
            self.known.fetch(lacking)
        return self.overlay.over({ref: self.known.states.get(ref) for ref in refs})


def sections_of(runbook: Runbook) -> dict[str, int]:
    """The section of each step."""
    return {step.id: number for number, section in enumerate(runbook.sections) for step in section.steps}


def left_behind(run: Run) -> dict[str, str]:
    """Of an undo: steps that were not taken back, wholly or in part, and why."""
    found: dict[str, str] = {}
    for label, record in run.steps.items():
        conflicts = (record.change or {}).get("conflicts") or {}
        if record.status is StepStatus.LEFT:
            found[label] = record.note
        elif conflicts and record.status is StepStatus.DONE:
            found[label] = kept(conflicts)
    return found


def _index(label: str) -> int:
    number = label.partition("[")[2].rstrip("]")
    return int(number) if number else 0
