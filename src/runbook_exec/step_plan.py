"""The lines of one step: what its expressions give, what it reads, what it would change."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runbook_exec import render
from runbook_exec.action import Action, find, make_args
from runbook_exec.change import Certainty, Deferred, Facts, Json, NeedsValue, Ref, deferred_in
from runbook_exec.envelope import limits, outside
from runbook_exec.errors import Invalid, RunbookError
from runbook_exec.known import Read, gather
from runbook_exec.model import GateRule, Later, Step
from runbook_exec.opening import opening
from runbook_exec.plan_line import Awaits, Line, Status
from runbook_exec.values import named_change, plain

MOST_ELEMENTS = 500
"""Of one `for_each`: a checklist that nobody can read protects nobody."""


@dataclass(kw_only=True)
class Scope:
    """The names that expressions read, growing as steps are planned or done."""

    inputs: Mapping[str, Any]
    site: Mapping[str, Any]
    run: Mapping[str, Any]
    outputs: dict[str, Any] = field(default_factory=dict)

    def names(self) -> dict[str, Any]:
        return {**self.inputs, "site": self.site, "run": self.run, **self.outputs}


def plan_step(
    step: Step, section: int, scope: Scope, read: Read, *, but: Container[str] = ()
) -> Iterator[Line]:
    """The line of one step, or one line for each element of its `for_each`, but for labels in `but`.

    Lazy: an element is planned when it is asked for, so the executor can apply the one before it.
    """
    planning = StepPlanning(step, section, scope.names())
    for label, element in planning.elements():
        if label not in but:
            yield replace(planning.line(label, element, read), element=element)


def plan_again(line: Line, step: Step, scope: Scope, read: Read) -> Line:
    """A line planned anew, for the same element: its list is not computed again for each of them."""
    planning = StepPlanning(step, line.section, scope.names())
    return replace(planning.line(line.step, line.element, read), element=line.element)


class StepPlanning:
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
        self.common["may_skip"] = isinstance(self.wanted, Deferred)
        self.within: dict[str, list[str]] = {}
        self.action: Action[Any] | None = None
        if step.uses and self.wanted is not False:
            self.action = self._found()
            self.common |= {"uses": step.uses, "nature": self.action.nature}
            self.within = limits(step.within, names, where=self.where)

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
            yield step.id, NOTHING
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
            gate = _rendered_gate(step.gate, self.names, self.where)
            open_yet: dict[str, Any] = {}
            if isinstance(self.wanted, Deferred):
                reason = _REASONS[Awaits.WHETHER].format(_named(self.wanted))
                open_yet = {"reason": reason, "awaits": Awaits.WHETHER, "needs": self.wanted.label}
            return Line(step=label, status=Status.GATE, gate=gate, **open_yet, **self.common)
        if element is NOTHING:
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
        if self.action is None or self.wanted is not True or element is NOTHING:
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
        if not change.blocked and (reason := outside(self.within, change)):
            change = replace(change, blocked=f"{reason} (within:)")
        return Line(
            step=label,
            status=Status.SAME if change.is_empty else Status.CHANGE,
            change=change,
            envelope=self._envelope(values),
            args=args,
            **self.common,
        )

    def _envelope(self, values: Json) -> dict[str, Json]:
        asked = {"uses": self.step.uses, "with": plain(values)}
        return {**asked, "within": self.within} if self.within else asked

    def _later(self, label: str, values: Json, awaits: Awaits, needed: Deferred) -> Line:
        return Line(
            step=label,
            status=Status.LATER,
            envelope=self._envelope(values),
            reason=_REASONS[awaits].format(_named(needed)),
            awaits=awaits,
            needs=needed.label,
            **self.common,
        )


NOTHING = object()
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
