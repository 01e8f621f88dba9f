"""What is wrong with a runbook beyond its structure: actions, arguments, references, safety.

`plan` and `run` refuse a runbook with problems, so whatever passes here is planned with
known actions, known arguments and names that exist by the time they are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runbook_exec import check, duration, render
from runbook_exec.action import Action, args_schema, every_action, find
from runbook_exec.change import Nature
from runbook_exec.errors import Invalid, Problems
from runbook_exec.model import LANGUAGES, Runbook, Step
from runbook_exec.runbook_format import templated

ALWAYS_KNOWN = {"site", "run"}
"""Names that every expression may read: the environment's site values, and the run itself."""

RUN_VALUES = {"id", "ticket", "client", "requester", "environment", "language"}

EVERY_STEP_GIVES = {"changed", "skipped"}


def lint(runbook: Runbook) -> list[Invalid]:
    """Every problem of a loaded runbook, in written order; empty means it can be planned."""
    return list(_Linter(runbook).problems())


def refuse_problems(runbook: Runbook) -> None:
    """Raise `Problems` if `lint` finds any."""
    found = lint(runbook)
    if found:
        raise Problems(found)


class _Linter:
    def __init__(self, runbook: Runbook) -> None:
        self.runbook = runbook
        self.inputs: Mapping[str, Any] = runbook.inputs.get("properties", {})
        self.order = {step.id: number for number, step in enumerate(runbook.steps())}
        self.steps = {step.id: step for step in runbook.steps()}

    def problems(self) -> Iterator[Invalid]:
        yield from self._missing_words(self.runbook.title, f"{self.runbook.file}:1:1", "the runbook's title")
        yield from self._expression(self.runbook.subject, None)
        for section in self.runbook.sections:
            where = str(section.steps[0].place) if section.steps else self.runbook.file
            yield from self._missing_words(section.title, where, "the section's title")
            for step in section.steps:
                yield from self._step(step)

    def _step(self, step: Step) -> Iterator[Invalid]:
        where = str(step.place)
        yield from self._missing_words(step.title, where, f"step {step.id!r}: the title")
        if step.id in self.inputs or step.id in ALWAYS_KNOWN:
            yield Invalid(
                f"step {step.id!r} has the name of an input or of a fixed value",
                where=where,
                next_move="give the step another id",
            )
        yield from self._expression(step.when, step)
        yield from self._expression(step.for_each, step)
        if step.gate:
            for _, text in render.strings(step.gate.rule):
                yield from self._expression(text, step)
            return
        action = find(step.uses)
        if action is None:
            known = [other.name for other in every_action()]
            yield Invalid(
                f"step {step.id!r} uses {step.uses!r}, which is no action",
                where=where,
                next_move=check.nearest(step.uses, known),
            )
            return
        for _, text in render.strings(step.args):
            yield from self._expression(text, step)
        yield from self._arguments(step, action)
        yield from self._safety(step, action)

    def _arguments(self, step: Step, action: Action[Any]) -> Iterator[Invalid]:
        schema = args_schema(action)
        defs = {name: templated(body) for name, body in schema["$defs"].items()}
        for problem in check.problems(
            step.args, {**schema, "$defs": defs}, lambda path: ".".join(["with", *map(str, path)])
        ):
            yield Invalid(
                f"step {step.id!r} ({step.uses}), {problem.where}: {problem.what}",
                where=str(step.place),
                next_move=problem.next_move,
            )
        for name in ("deadline", "every"):
            value = step.args.get(name)
            if isinstance(value, str) and "{{" not in value:
                try:
                    duration.seconds(value)
                except Invalid as error:
                    yield Invalid(
                        f"step {step.id!r}, with.{name}: {error.what}",
                        where=str(step.place),
                        next_move=error.next_move,
                    )

    def _safety(self, step: Step, action: Action[Any]) -> Iterator[Invalid]:
        writes = action.nature in {Nature.WRITES, Nature.BLIND}
        if writes and not action.can_undo(step.args) and not step.irreversible:
            kind = "destructive " if action.destructive else ""
            yield Invalid(
                f"step {step.id!r} ({step.uses}) is {kind}without a way back and does not say so",
                where=str(step.place),
                next_move="add irreversible: and the reason, for the person who approves it",
            )
        if step.irreversible and action.nature in {Nature.COMPUTES, Nature.WAITS}:
            yield Invalid(
                f"step {step.id!r} only reads, so irreversible: says nothing",
                where=str(step.place),
                next_move="remove irreversible:",
            )

    def _expression(self, text: str, step: Step | None) -> Iterator[Invalid]:
        where = str(step.place) if step else f"{self.runbook.file}:1:1"
        who = f"step {step.id!r}" if step else "subject"
        try:
            read = list(render.names(text)) if "{{" in text or "{%" in text else []
        except Invalid as error:
            yield Invalid(f"{who}: {error.what}", where=where, next_move=error.next_move)
            return
        for path in read:
            problem = self._name(path, step)
            if problem:
                yield Invalid(
                    f"{who} reads {'.'.join(path)!r}, {problem[0]}", where=where, next_move=problem[1]
                )

    def _name(self, path: tuple[str, ...], step: Step | None) -> tuple[str, str] | None:
        first = path[0]
        if step and step.for_each and first == step.item:
            return None
        if first == "site":
            return None
        if first == "run":
            wrong = len(path) > 1 and path[1] not in RUN_VALUES
            return (
                ("which a run does not have", "allowed: " + ", ".join(sorted(RUN_VALUES))) if wrong else None
            )
        if first in self.inputs:
            return self._input(path)
        if first in self.order:
            return self._earlier(path, step)
        known = sorted({*self.inputs, *self.order, *ALWAYS_KNOWN})
        return "which is no input and no step", check.nearest(first, known)

    def _input(self, path: tuple[str, ...]) -> tuple[str, str] | None:
        schema: Any = self.inputs[path[0]]
        for name in path[1:]:
            properties = schema.get("properties") if isinstance(schema, Mapping) else None
            if properties is None:
                return None
            if name not in properties:
                return f"but the input has no {name!r}", check.nearest(name, sorted(properties))
            schema = properties[name]
        return None

    def _earlier(self, path: tuple[str, ...], step: Step | None) -> tuple[str, str] | None:
        source = self.steps[path[0]]
        if step is None or self.order[source.id] >= self.order[step.id]:
            return (
                f"which comes later or is the step itself ({source.place})",
                "move it up, or read another step",
            )
        if step.parallel and step.parallel == source.parallel:
            return "which runs at the same time", "take one of the two out of parallel"
        if source.gate:
            return "which is a gate and gives no value", "read a step"
        action = find(source.uses)
        if action is None or len(path) == 1 or source.for_each:
            return None
        known = {*action.outputs, *EVERY_STEP_GIVES}
        if path[1] not in known:
            return f"but {source.uses} never gives {path[1]!r}", check.nearest(path[1], sorted(known))
        return None

    def _missing_words(self, words: Mapping[str, str], where: str, what: str) -> Iterator[Invalid]:
        for language in LANGUAGES:
            if not words.get(language, "").strip():
                yield Invalid(f"{what} has no {language!r}", where=where, next_move=f"add {language}: …")
