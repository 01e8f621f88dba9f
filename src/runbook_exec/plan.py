"""Runbook + inputs → `Plan`: what would change, computed from reads alone.

Steps are planned in written order, each against the world as the steps before it would
leave it (`overlay`). What is read is read in few, wide requests: whenever something is
missing, everything that later steps are known to need is asked for in the same breath.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from runbook_exec import render
from runbook_exec.action import Action, find, make_args
from runbook_exec.change import (
    Certainty,
    Change,
    Deferred,
    Facts,
    Json,
    Nature,
    NeedsValue,
    Ref,
    Words,
    deferred_in,
    holds_deferred,
)
from runbook_exec.errors import Invalid, Refused, RunbookError
from runbook_exec.model import GateRule, Runbook, Step
from runbook_exec.overlay import Overlay
from runbook_exec.values import commitment, digest, named_change, plain

Read = Callable[[Sequence[Ref]], Facts]
"""Reads many things at once; the planner is given one that cannot write."""

MOST_READ_ROUNDS = 5


class Status(StrEnum):
    """What a line of the plan says about its step."""

    CHANGE = "change"
    SAME = "same"
    """Already so: nothing is left to do."""
    LATER = "later"
    """Planned exactly when an earlier step has supplied a value; approved as an envelope."""
    SKIP = "skip"
    """Its `when:` is false."""
    GATE = "gate"


class Awaits(StrEnum):
    """What about a LATER line an earlier step decides."""

    VALUE = "value"
    WHETHER = "whether"
    """Its `when:`."""
    HOW_OFTEN = "how-often"
    """Its `for_each`."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One step (or one element of its `for_each`) in the plan."""

    step: str
    """The step's id, with `[0]` and so on for the elements of a `for_each`."""
    title: Words
    section: int
    status: Status
    uses: str = ""
    nature: Nature = Nature.WRITES
    change: Change | None = None
    envelope: Mapping[str, Json] | None = None
    """For LATER: action and arguments, with `$deferred` where a value is still to come."""
    gate: GateRule | None = None
    irreversible: str = ""
    reason: str = ""
    awaits: Awaits | None = None
    """For LATER: what is not known yet, and by `needs` from where."""
    needs: str = ""
    args: Any = field(default=None, repr=False, compare=False)
    """The action's typed arguments, for whoever applies the line; may hold secrets."""

    @property
    def certainty(self) -> Certainty:
        if self.change is None:
            return Certainty.DEFERRED if self.status is Status.LATER else Certainty.EXACT
        return self.change.certainty

    @property
    def counts(self) -> bool:
        """True where the line stands for an effect outside this process."""
        return self.status in {Status.CHANGE, Status.LATER} and self.nature not in {
            Nature.COMPUTES,
            Nature.WAITS,
        }


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
    far-side names that no change may touch.
    """
    planner = _Planner(runbook, scope, read, skip)
    lines = tuple(planner.lines())
    subject = render.render(runbook.subject, {**scope.names()}, where="subject") if runbook.subject else ""
    plan = Plan(
        client=client,
        environment=environment,
        runbook=runbook,
        inputs=scope.inputs,
        subject=str(subject),
        lines=lines,
        refusals=tuple(_refusals(runbook, lines, protected or {})),
    )
    return replace(plan, digest=plan_digest(plan, key))


def plan_digest(plan: Plan, key: bytes) -> str:
    """SHA-256 over everything the plan would do; values enter as commitments under `key`."""
    return digest(
        {
            "client": plan.client,
            "environment": plan.environment,
            "runbook": plan.runbook.digest,
            "inputs": commitment(key, plan.inputs),
            "lines": [
                {
                    "step": line.step,
                    "status": line.status,
                    "uses": line.uses,
                    "certainty": line.certainty,
                    "what": commitment(key, line_identity(line)),
                    "gate": line.gate and {"rule": plain(line.gate.rule), "expires": line.gate.expires},
                }
                for line in plan.lines
            ],
        }
    )


def line_identity(line: Line) -> dict[str, Json]:
    """What must be the same at execution: target, identity, before, after, or the envelope."""
    if line.change is None:
        return {"envelope": line.envelope}
    change = line.change
    kept: dict[str, Json] = {
        "action": change.action,
        "target": change.target,
        "identity": plain(change.identity),
        "before": plain(change.before),
        "after": plain(change.after),
        "request": plain(change.request),
    }
    if line.nature is Nature.COMPUTES:
        kept["outputs"] = plain(change.outputs)
    return kept


def plan_step(
    step: Step, section: int, scope: Scope, read: Read, *, but: Container[str] = ()
) -> Iterator[Line]:
    """The line of one step, or one line for each element of its `for_each`, but for labels in `but`.

    Lazy: an element is planned when it is asked for, so the executor can apply the one before it.
    """
    common: dict[str, Any] = {"title": step.title, "section": section, "irreversible": step.irreversible}
    names, where = scope.names(), f'{step.place} step "{step.id}"'
    wanted = render.condition(step.when, names, where=where) if step.when else True
    if wanted is False:
        yield Line(
            step=step.id, uses=step.uses, status=Status.SKIP, reason=f"not needed: {step.when}", **common
        )
        return
    if step.gate:
        yield Line(step=step.id, status=Status.GATE, gate=_rendered_gate(step.gate, names, where), **common)
        return
    action = find(step.uses)
    if action is None:
        raise Invalid(f"uses {step.uses!r}, which is no action", where=where, next_move="run `runbook lint`")
    common |= {"uses": step.uses, "nature": action.nature}
    elements = _elements(step, names, where)
    if isinstance(elements, Deferred):
        values = render.render(step.args, {**names, step.item: elements}, where=where)
        yield _later(step.id, step, values, Awaits.HOW_OFTEN, elements, common)
        return
    for index, element in enumerate(elements):
        label = f"{step.id}[{index}]" if step.for_each else step.id
        if label in but:
            continue
        inner = {**names, step.item: element} if step.for_each else names
        yield _planned(label, step, action, inner, where, wanted, read, common)


def _planned(
    label: str,
    step: Step,
    action: Action[Any],
    names: Mapping[str, Any],
    where: str,
    wanted: bool | Deferred,
    read: Read,
    common: dict[str, Any],
) -> Line:
    values = render.render(step.args, names, where=where)
    if isinstance(wanted, Deferred):
        return _later(label, step, values, Awaits.WHETHER, wanted, common)
    waiting_for = next(deferred_in(values), None)
    if waiting_for is not None:
        return _later(label, step, values, Awaits.VALUE, waiting_for, common)
    args = make_args(action, values, where=where)
    try:
        change = named_change(action.plan(args, gather(action, args, read)), step.id)
    except NeedsValue as error:
        return _later(label, step, values, Awaits.VALUE, error.deferred, common)
    except RunbookError as error:
        error.where = error.where or where
        raise
    status = Status.SAME if change.is_empty else Status.CHANGE
    if holds_deferred(change.before) and change.certainty is Certainty.EXACT:
        change = replace(change, certainty=Certainty.DEFERRED)
    return Line(
        step=label,
        status=status,
        change=change,
        envelope={"uses": step.uses, "with": plain(values)},
        args=args,
        **common,
    )


_REASONS = {Awaits.VALUE: "needs {}", Awaits.WHETHER: "if {}", Awaits.HOW_OFTEN: "for each of {}"}


def _later(
    label: str, step: Step, values: Json, awaits: Awaits, needed: Deferred, common: dict[str, Any]
) -> Line:
    return Line(
        step=label,
        status=Status.LATER,
        envelope={"uses": step.uses, "with": plain(values)},
        reason=_REASONS[awaits].format(needed.label if "⟨" in needed.label else repr(needed)),
        awaits=awaits,
        needs=needed.label,
        **common,
    )


def gather(action: Action[Any], args: Any, read: Read) -> Facts:
    """Everything the action wants to read, asking again until it names nothing new."""
    facts: dict[Ref, Any] = {}
    for _ in range(MOST_READ_ROUNDS):
        wanted = [ref for ref in dict.fromkeys(action.reads(args, facts)) if ref not in facts]
        if not wanted:
            return facts
        facts.update(read(wanted))
    raise Refused(f"{action.name} still wants to read more after {MOST_READ_ROUNDS} rounds")


def outputs_of(line: Line, action: Action[Any] | None) -> Any:
    """What later steps may read of a planned step; what is not known yet is `Deferred`."""
    base = line.step.partition("[")[0]
    if line.status is Status.SKIP:
        return {"skipped": True, "changed": False}
    if line.status is Status.LATER:
        return Deferred(base)
    known = dict(line.change.outputs) if line.change else {}
    declared = action.outputs if action else {}
    unknown = {name: Deferred(base, name) for name in declared if name not in known}
    return {**unknown, **known, "changed": line.status is Status.CHANGE, "skipped": False}


def gathered_outputs(parts: list[Any]) -> Any:
    """The outputs of a `for_each`: each element's, and whether any changed."""
    changed = [part["changed"] for part in parts if isinstance(part, Mapping)]
    whole = len(changed) == len(parts)
    return {
        "each": parts,
        "changed": any(changed) if whole else Deferred("each", "changed"),
        "skipped": False,
    }


def _elements(step: Step, names: Mapping[str, Any], where: str) -> Sequence[Any] | Deferred:
    if not step.for_each:
        return (None,)
    elements = render.render(step.for_each, names, where=where)
    if isinstance(elements, Deferred):
        return elements
    if not isinstance(elements, list | tuple):
        raise Invalid(
            f"for_each gives {type(elements).__name__}, not a list",
            where=where,
            next_move="name an input or an output that is a list",
        )
    return elements


def _rendered_gate(gate: GateRule, names: Mapping[str, Any], where: str) -> GateRule:
    return replace(gate, rule=plain(render.render(gate.rule, names, where=where)))


def _refusals(
    runbook: Runbook, lines: Sequence[Line], protected: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    changes = sum(line.counts for line in lines)
    if changes > runbook.guards.max_changes:
        yield f"{changes} changes are planned, this runbook allows {runbook.guards.max_changes} (guards.max_changes)"
    untouchable = {
        name.casefold(): kind for kind in runbook.guards.protected for name in protected.get(kind, ())
    }
    for line in lines:
        if line.change is None:
            continue
        if line.change.blocked:
            yield f"step {line.step!r} cannot be done: {line.change.blocked}"
        if line.change.is_empty:
            continue
        touched = {name.casefold() for name in (line.change.target, *line.change.writes)}
        for name in sorted(touched & set(untouchable)):
            yield f"step {line.step!r} would change {name}, which is protected as {untouchable[name]}"


class _Planner:
    """Walks the steps once; keeps what was read, and what earlier steps would change."""

    def __init__(self, runbook: Runbook, scope: Scope, read: Read, skip: frozenset[str]) -> None:
        self.runbook, self.scope, self._world, self.skip = runbook, scope, read, skip
        self.overlay = Overlay()
        self.known: dict[Ref, Any] = {}
        self.ahead: list[tuple[Step, int]] = []

    def lines(self) -> Iterator[Line]:
        todo = [
            (step, number)
            for number, section in enumerate(self.runbook.sections)
            for step in section.steps
            if step.id not in self.skip
        ]
        for index, (step, section) in enumerate(todo):
            self.ahead = todo[index + 1 :]
            parts = []
            for line in plan_step(step, section, self.scope, self.read):
                yield line
                if line.change is not None:
                    self.overlay.lay(line.change)
                parts.append(outputs_of(line, find(step.uses) if step.uses else None))
            if not step.gate:
                single = not step.for_each or (len(parts) == 1 and isinstance(parts[0], Deferred))
                self.scope.outputs[step.id] = parts[0] if single else gathered_outputs(parts)

    def read(self, refs: Sequence[Ref]) -> Facts:
        """Answer from what is known; read what is missing together with what comes next."""
        missing = [ref for ref in refs if ref not in self.known and not self.overlay.settles(ref)]
        if missing:
            self._fetch(missing)
        return self.overlay.over({ref: self.known.get(ref) for ref in refs})

    def _fetch(self, missing: list[Ref]) -> None:
        soon = [ref for ref in self._wanted_soon() if ref not in self.known and ref not in missing]
        if soon:
            try:
                self.known.update(self._world([*missing, *soon]))
            except RunbookError:
                soon = []  # something not needed yet cannot be read; its own step will say so
        if not soon:
            self.known.update(self._world(missing))

    def _wanted_soon(self) -> list[Ref]:
        """What later steps are already known to read. A guess: being wrong costs one read."""
        wanted: dict[Ref, None] = {}
        names = self.scope.names()
        for step, _ in self.ahead:
            action = find(step.uses) if step.uses else None
            if action is None or step.for_each:
                continue
            try:
                values = render.render(step.args, names)
                if holds_deferred(values):
                    continue
                seen = self.overlay.over(self.known)
                wanted.update(dict.fromkeys(action.reads(make_args(action, values), seen)))
            except (RunbookError, NeedsValue):
                continue
        return [ref for ref in wanted if not self.overlay.settles(ref)]
