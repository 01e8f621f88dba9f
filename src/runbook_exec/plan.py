"""Runbook + inputs → `Plan`: what would change, computed from reads alone.

Steps are planned in written order, each against the world as the steps before it would
leave it (`overlay`). What is read is read in few, wide requests: whenever something is
missing, everything that later steps are known to need is asked for in the same breath.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runbook_exec import guards, render
from runbook_exec.action import Action, find, make_args
from runbook_exec.change import Certainty, Deferred, Facts, Json, NeedsValue, Ref, deferred_in
from runbook_exec.errors import Invalid, Refused, RunbookError
from runbook_exec.known import Known, Read, merged
from runbook_exec.model import GateRule, Later, Runbook, Step
from runbook_exec.opening import opening
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
from runbook_exec.values import commitment, digest, named_change, plain, sealed

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

MOST_READ_ROUNDS = 5
MOST_ELEMENTS = 500
"""Of one `for_each`: a checklist that nobody can read protects nobody."""


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


@dataclass(kw_only=True)
class Scope:
    """The names that expressions read, growing as steps are planned or done."""

    inputs: Mapping[str, Any]
    site: Mapping[str, Any]
    run: Mapping[str, Any]
    outputs: dict[str, Any] = field(default_factory=dict)

    def names(self) -> dict[str, Any]:
        return {**self.inputs, "site": self.site, "run": self.run, **self.outputs}


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


def plan_step(
    step: Step, section: int, scope: Scope, read: Read, *, but: Container[str] = ()
) -> Iterator[Line]:
    """The line of one step, or one line for each element of its `for_each`, but for labels in `but`.

    Lazy: an element is planned when it is asked for, so the executor can apply the one before it.
    """
    planning = _StepPlanning(step, section, scope.names())
    for label, element in planning.elements():
        if label not in but:
            yield replace(planning.line(label, element, read), element=element)


def plan_again(line: Line, step: Step, scope: Scope, read: Read) -> Line:
    """A line planned anew, for the same element: its list is not computed again for each of them."""
    planning = _StepPlanning(step, line.section, scope.names())
    return replace(planning.line(line.step, line.element, read), element=line.element)


class _StepPlanning:
    """One step with the names that its expressions read."""

    def __init__(self, step: Step, section: int, names: Mapping[str, Any]) -> None:
        self.step, self.names = step, names
        self.where = f'{step.place} step "{step.id}"'
        self.common: dict[str, Any] = {
            "title": step.title,
            "section": section,
            "irreversible": step.irreversible,
        }
        self.wanted = render.condition(step.when, names, where=self.where) if step.when else True
        if step.not_before and self.wanted is not False:
            self.common["not_before"] = plain(opening(step, names, where=self.where))
        self.action: Action[Any] | None = None
        if step.uses and self.wanted is not False:
            self.action = self._found()
            self.common |= {"uses": step.uses, "nature": self.action.nature}

    def _found(self) -> Action[Any]:
        action = find(self.step.uses)
        if action is None:
            raise Invalid(
                f"uses {self.step.uses!r}, which is no action",
                where=self.where,
                next_move="run `runbook lint`",
            )
        return action

    def elements(self) -> Iterator[tuple[str, Any]]:
        """Label and element of each line; one line where there is nothing to repeat."""
        step = self.step
        if not step.for_each or self.wanted is False:
            yield step.id, None
            return
        elements = self._each()
        if isinstance(elements, Deferred):
            yield step.id, elements
            return
        if not elements:
            yield step.id, _NOTHING
        for index, element in enumerate(elements):
            yield f"{step.id}[{index}]", element

    def _each(self) -> Sequence[Any] | Deferred:
        elements = render.render(self.step.for_each, self.names, where=self.where)
        if isinstance(elements, Deferred):
            return elements
        if not isinstance(elements, list):
            raise Invalid(
                f"for_each gives {render.kind_of(elements)}, not a list",
                where=self.where,
                next_move="name an input or an output that is a list",
            )
        if len(elements) > MOST_ELEMENTS:
            raise Invalid(
                f"for_each gives {len(elements)} elements, the limit is {MOST_ELEMENTS}",
                where=self.where,
                next_move="give fewer, in several runs",
            )
        return elements

    def line(self, label: str, element: Any, read: Read) -> Line:
        """The line of one element (None where there is no `for_each`)."""
        step = self.step
        if self.wanted is False:
            return Line(
                step=label,
                status=Status.SKIP,
                uses=step.uses,
                reason=f"not needed: {step.when}",
                **self.common,
            )
        if step.gate:
            reason = f"if {_named(self.wanted)}" if isinstance(self.wanted, Deferred) else ""
            gate = _rendered_gate(step.gate, self.names, self.where)
            return Line(step=label, status=Status.GATE, gate=gate, reason=reason, **self.common)
        if element is _NOTHING:
            return Line(step=label, status=Status.SKIP, reason="not needed: its list is empty", **self.common)
        inner = {**self.names, step.item: element} if step.for_each else self.names
        values = render.render(step.args, inner, where=self.where)
        if isinstance(element, Deferred) and label == step.id and step.for_each:
            return self._later(label, values, Awaits.HOW_OFTEN, element)
        if isinstance(self.wanted, Deferred):
            return self._later(label, values, Awaits.WHETHER, self.wanted)
        waiting_for = _first_deferred(values)
        if waiting_for is not None:
            return self._later(label, values, Awaits.VALUE, waiting_for)
        return self._planned(label, values, read)

    def reads(self, element: Any, seen: Facts) -> Sequence[Ref]:
        """What planning this element is already known to read, without reading."""
        if self.action is None or self.wanted is not True or element is _NOTHING:
            return ()
        inner = {**self.names, self.step.item: element} if self.step.for_each else self.names
        values = render.render(self.step.args, inner, where=self.where)
        if _first_deferred(values) is not None:
            return ()
        return self.action.reads(make_args(self.action, values), seen)

    def _planned(self, label: str, values: Json, read: Read) -> Line:
        assert self.action is not None
        args = make_args(self.action, values, where=self.where)
        try:
            change = named_change(self.action.plan(args, gather(self.action, args, read)), self.step.id)
        except NeedsValue as error:
            return self._later(label, values, Awaits.VALUE, error.deferred)
        except RunbookError as error:
            if self.where not in error.where:
                error.where = f"{self.where}: {error.where}" if error.where else self.where
            raise
        guess = _first_deferred([change.before, change.after, change.request]) is not None
        if guess and change.certainty is Certainty.EXACT:
            change = replace(change, certainty=Certainty.DEFERRED)
        return Line(
            step=label,
            status=Status.SAME if change.is_empty else Status.CHANGE,
            change=change,
            envelope={"uses": self.step.uses, "with": plain(values)},
            args=args,
            **self.common,
        )

    def _later(self, label: str, values: Json, awaits: Awaits, needed: Deferred) -> Line:
        return Line(
            step=label,
            status=Status.LATER,
            envelope={"uses": self.step.uses, "with": plain(values)},
            reason=_REASONS[awaits].format(_named(needed)),
            awaits=awaits,
            needs=needed.label,
            **self.common,
        )


_NOTHING = object()
"""Stands for the element of a `for_each` whose list is empty."""

_REASONS = {Awaits.VALUE: "needs {}", Awaits.WHETHER: "if {}", Awaits.HOW_OFTEN: "for each of {}"}


def _first_deferred(value: Json) -> Deferred | None:
    return next(deferred_in(value), None)


def _named(deferred: Deferred) -> str:
    return deferred.label if "⟨" in deferred.label else f"⟨{deferred.label}⟩"


def _rendered_gate(gate: GateRule, names: Mapping[str, Any], where: str) -> GateRule:
    def rendered(rule: Mapping[str, Json]) -> Json:
        return plain(render.render(rule, names, where=where))

    def later(part: Later | None) -> Later | None:
        return part and replace(part, to=rendered(part.to))

    return replace(
        gate, rule=rendered(gate.rule), fallback=later(gate.fallback), escalate=later(gate.escalate)
    )


def gather(action: Action[Any], args: Any, read: Read) -> Facts:
    """Everything the action wants to read, asking again until it names nothing new."""
    return gathered(action.name, lambda facts: action.reads(args, facts), read)


def gathered(name: str, reads: Callable[[Facts], Sequence[Ref]], read: Read) -> Facts:
    """Everything that `reads` names, asking again until it names nothing new."""
    facts: dict[Ref, Any] = {}
    for _ in range(MOST_READ_ROUNDS):
        wanted = [ref for ref in merged(reads(facts)) if ref not in facts]
        if not wanted:
            return facts
        facts.update(read(wanted))
    raise Refused(f"{name} still wants to read more after {MOST_READ_ROUNDS} rounds")


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
                planning = _StepPlanning(step, section, names)
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
