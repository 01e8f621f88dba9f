"""Runbook + inputs → `Plan`: what would change, computed from reads alone.

Steps are planned in written order, each against the world as the steps before it would
leave it (`overlay`). What is read is read in few, wide requests: whenever something is
missing, everything that later steps are known to need is asked for in the same breath.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from runbook_exec import guards, render
from runbook_exec.action import find
from runbook_exec.change import Facts, Json, NeedsValue, Ref
from runbook_exec.errors import Invalid, RunbookError
from runbook_exec.known import Known, Read, gather, gathered
from runbook_exec.model import GateRule, Runbook, Step
from runbook_exec.overlay import Overlay
from runbook_exec.plan_line import (
    Awaits,
    Line,
    Status,
    gate_body,
    gate_of,
    gathered_outputs,
    line_identity,
    outputs_of,
)
from runbook_exec.step_plan import Scope, StepPlanning, plan_again, plan_step
from runbook_exec.values import commitment, digest, sealed

__all__ = [
    "Awaits",
    "Line",
    "Plan",
    "Read",
    "Scope",
    "Status",
    "gate_body",
    "gate_of",
    "gather",
    "gathered",
    "gathered_outputs",
    "line_identity",
    "make_plan",
    "outputs_of",
    "plan_again",
    "plan_digest",
    "plan_step",
    "subject_of",
]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Ordered lines and their digest. Made without writing; used once."""

    client: str
    environment: str
    runbook: Runbook
    inputs: Mapping[str, Any]
    subject: str
    lines: tuple[Line, ...]
    digest: str = ""
    undoes: str = ""
    """The run that this plan takes back; empty for any other plan."""
    refusals: tuple[str, ...] = ()
    """Why this plan may not be started: a guard, a blocked step."""

    @property
    def changes(self) -> int:
        """How many effects outside this process the plan has."""
        return sum(line.counts for line in self.lines)

    @property
    def is_empty(self) -> bool:
        """True where the world is already as the runbook wants it."""
        return self.changes == 0

    def line(self, step: str) -> Line:
        """The line of a step; KeyError if the plan has none."""
        for line in self.lines:
            if line.step == step:
                return line
        raise KeyError(step)


def make_plan(
    runbook: Runbook,
    *,
    scope: Scope,
    read: Read,
    client: str,
    environment: str,
    key: bytes,
    protected: Mapping[str, Sequence[str]] | None = None,
    skip: frozenset[str] = frozenset(),
) -> Plan:
    """Plan every step (but those in `skip`, which are done) by reading alone.

    `key` is the subject's commitment key; `protected` maps the guard's classes to the
    far-side names that no change may touch. The scope stays as it is.
    """
    own = replace(scope, outputs=dict(scope.outputs))
    subject = subject_of(runbook, own)
    lines = tuple(_Planner(runbook, own, read, skip).lines())
    plan = Plan(
        client=client,
        environment=environment,
        runbook=runbook,
        inputs=scope.inputs,
        subject=subject,
        lines=lines,
        refusals=tuple(guards.refusals(runbook.guards, lines, protected or {})),
    )
    return replace(plan, digest=plan_digest(plan, key))


def subject_of(runbook: Runbook, scope: Scope) -> str:
    """Whom or what a run is about; empty where the runbook names nobody."""
    if not runbook.subject:
        return ""
    where = f"{runbook.place(('subject',))} subject"
    subject = render.render(runbook.subject, scope.names(), where=where)
    if isinstance(subject, str | int) and not isinstance(subject, bool) and str(subject).strip():
        return str(subject).strip()
    raise Invalid(
        "the subject is no text: nobody could tell whom the run is about",
        where=where,
        next_move="name an input that holds the person's or machine's id",
    )


def plan_digest(plan: Plan, key: bytes) -> str:
    """SHA-256 over everything the plan would do; values enter as commitments under `key`."""
    return digest(
        {
            "client": plan.client,
            "environment": plan.environment,
            **({"undoes": plan.undoes} if plan.undoes else {}),
            "runbook": plan.runbook.digest,
            "inputs": commitment(key, sealed(key, plan.inputs)),
            "lines": [
                {
                    "step": line.step,
                    "status": line.status.value,
                    "uses": line.uses,
                    "certainty": line.certainty.value,
                    "what": commitment(key, line_identity(line)),
                    "asked": commitment(key, line.envelope),
                    "gate": line.gate and _sealed_gate(line.gate, key),
                    **({"may_skip": True} if line.may_skip else {}),
                    **({"not_before": commitment(key, line.not_before)} if line.not_before else {}),
                }
                for line in plan.lines
            ],
        }
    )


def _sealed_gate(gate: GateRule, key: bytes) -> dict[str, Json]:
    """A gate as digests see it: whom it names enters as a commitment."""
    return {
        name: commitment(key, value) if isinstance(value, Mapping) else value
        for name, value in gate_body(gate).items()
    }


class _Planner:
    """Walks the steps once; keeps what was read, and what earlier steps would change."""

    def __init__(self, runbook: Runbook, scope: Scope, read: Read, skip: frozenset[str]) -> None:
        self.runbook, self.scope, self.skip = runbook, scope, skip
        self.overlay = Overlay()
        self.known = Known(read)
        self.ahead: list[tuple[Step, int]] = []
        """The step being planned and all after it."""

    def lines(self) -> Iterator[Line]:
        todo = [
            (step, number)
            for number, section in enumerate(self.runbook.sections)
            for step in section.steps
            if step.id not in self.skip
        ]
        for index, (step, section) in enumerate(todo):
            self.ahead = todo[index:]
            lines = []
            for line in plan_step(step, section, self.scope, self.read):
                yield line
                lines.append(line)
                if line.change is not None:
                    self.overlay.lay(line.change)
            if not step.gate:
                self.scope.outputs[step.id] = _step_outputs(step, lines)

    def read(self, refs: Sequence[Ref]) -> Facts:
        """Answer from what is known; read what is missing together with what comes next."""
        if self._lacking(refs):
            self._fetch(self._lacking(refs))
        return self.overlay.over({ref: self.known.states.get(ref) for ref in refs})

    def _lacking(self, refs: Sequence[Ref]) -> list[Ref]:
        return [ref for ref in refs if not self.overlay.settles(ref) and self.known.lacks(ref)]

    def _fetch(self, missing: list[Ref]) -> None:
        soon = self._lacking(self._wanted_soon())
        if soon:
            try:
                self.known.fetch([*missing, *soon])
            except RunbookError:
                pass  # something not needed yet cannot be read; its own step will say so
            else:
                return
        self.known.fetch(missing)

    def _wanted_soon(self) -> list[Ref]:
        """What later steps are already known to read. A guess: being wrong costs one read."""
        seen, names = self.overlay.over(self.known.states), self.scope.names()
        wanted: list[Ref] = []
        for step, section in self.ahead:
            try:
                planning = StepPlanning(step, section, names)
                for _, element in planning.elements():
                    wanted += planning.reads(element, seen)
            except (RunbookError, NeedsValue):
                continue
        return wanted


def _step_outputs(step: Step, lines: list[Line]) -> Any:
    """What later steps read of a step, from all its lines."""
    action = find(step.uses)
    if not step.for_each or (lines[0].status is Status.LATER and lines[0].step == step.id):
        return outputs_of(lines[0], action)
    if lines[0].step == step.id:  # skipped as a whole
        return {"each": [], "changed": False, "skipped": True}
    return gathered_outputs([outputs_of(line, action) for line in lines], step.id)
