"""What the expressions of a runbook may read: inputs, earlier steps, and the fixed values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runbook_exec import check, render
from runbook_exec.action import find
from runbook_exec.model import Runbook, Step

ALWAYS_KNOWN = {"site", "run"}
"""Names that every expression may read: the environment's site values, and the run itself."""

RUN_VALUES = {"id", "ticket", "client", "requester", "environment", "language", "timezone"}

EVERY_STEP_GIVES = {"changed", "skipped"}

Problem = tuple[str, str]
"""What is wrong with a name, and the next move."""


class Names:
    """The inputs and steps of one runbook, asked by those who read them."""

    def __init__(self, runbook: Runbook) -> None:
        self.schema = runbook.inputs
        self.inputs: Mapping[str, Any] = runbook.inputs.get("properties", {})
        self.closed = runbook.inputs.get("additionalProperties", True) is False or not self.inputs
        self.steps = {step.id: step for step in runbook.steps()}
        self._order = {step_id: number for number, step_id in enumerate(self.steps)}

    def problems(self, text: str, step: Step | None) -> Iterator[Problem]:
        """What is wrong with each name that a text reads; `step` is where it stands."""
        guarded = render.guarded(text)
        for path in render.names(text):
            problem = self._name(path, step, asked_first=path[0] in guarded)
            if problem:
                yield f"reads {'.'.join(path)!r}, {problem[0]}", problem[1]

    def readers(self, step_id: str) -> list[str]:
        """Ids of the steps whose expressions read what a step gives."""
        return [step.id for step in self.steps.values() if step_id in _read_by(step)]

    def never_a_list(self, text: str) -> str:
        """Why the one name that a `for_each` is can never be a list; empty if it can."""
        paths = list(render.names(text))
        whole = paths and text.strip().removeprefix("{{").removesuffix("}}").strip() == ".".join(paths[0])
        if not whole or paths[0][0] not in self.inputs:
            return ""
        schema: Any = self.inputs
        for name in paths[0]:
            schema = schema.get("properties", schema).get(name, {}) if isinstance(schema, Mapping) else {}
        if not isinstance(schema, Mapping):
            return ""
        if schema.get("secret") is True:
            return "a secret, which is never a list"
        kind = schema.get("type", "array")
        kinds = [kind] if isinstance(kind, str) else kind
        if "array" in kinds:
            return ""
        return f"an input that is {' or '.join(check.TYPES.get(k, k) for k in kinds)}"

    def _name(self, path: tuple[str, ...], step: Step | None, *, asked_first: bool) -> Problem | None:
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
            asked = asked_first or (step is not None and path in set(render.names(step.when)))
            return self._input(path, asked_first=asked)
        if first in self.steps:
            return self._earlier(path, step, asked_first=asked_first)
        if not self.closed:
            return None
        return "which is no input and no step", check.nearest(
            first, sorted({*self.inputs, *self.steps, *ALWAYS_KNOWN})
        )

    def _input(self, path: tuple[str, ...], *, asked_first: bool) -> Problem | None:
        schema: Any = self.schema
        for number, name in enumerate(path):
            properties = schema.get("properties") if isinstance(schema, Mapping) else None
            if not properties or (number and name in {"get", "items", "keys", "values"}):
                return None
            if name not in properties:
                return f"but the input has no {name!r}", check.nearest(name, sorted(properties))
            if not asked_first and _may_be_missing(schema, name):
                whole = ".".join(path[: number + 1])
                return (
                    f"but {whole!r} may be left out" if number + 1 < len(path) else "which may be left out",
                    f"write {whole} | default(…), make it required, or give it a default:",
                )
            schema = properties[name]
        return None

    def _earlier(self, path: tuple[str, ...], step: Step | None, *, asked_first: bool) -> Problem | None:
        source = self.steps[path[0]]
        if step is None:
            return "a step, but the subject is known before any step", "read inputs, site or run"
        if source.id == step.id:
            return "the step itself", "read an earlier step"
        if self._order[source.id] > self._order[step.id]:
            return f"which comes later ({source.place})", "move it up, or read another step"
        if step.parallel and step.parallel == source.parallel:
            return "which runs at the same time", "take one of the two out of parallel"
        if source.gate:
            return "which is a gate and gives no value", "read a step"
        return self._output(path, source) or self._maybe_skipped(path, source, step, asked_first=asked_first)

    def _output(self, path: tuple[str, ...], source: Step) -> Problem | None:
        action = find(source.uses)
        if action is None or len(path) == 1:
            return None
        known = {"each", *EVERY_STEP_GIVES} if source.for_each else {*action.outputs, *EVERY_STEP_GIVES}
        if path[1] in known:
            return None
        if source.for_each and path[1] in action.outputs:
            return (
                "but that step runs for each of a list",
                f"{source.id}.each | map(attribute='{path[1]}') | list gives all of them",
            )
        return f"but {source.uses} never gives {path[1]!r}", check.nearest(path[1], sorted(known))

    def _maybe_skipped(
        self, path: tuple[str, ...], source: Step, step: Step, *, asked_first: bool
    ) -> Problem | None:
        """An output of a step that may be skipped is there only if the reader is skipped with it."""
        harmless = path[1:2] in {("changed",), ("skipped",)} or len(path) == 1
        if not source.when or asked_first or harmless or (step.when and _implies(step, source)):
            return None
        return (
            f"which is not there when {source.id!r} is skipped",
            f"give this step the same when:, or write {'.'.join(path)} | default(…)",
        )


def _may_be_missing(schema: Mapping[str, Any], name: str) -> bool:
    sub = schema["properties"][name]
    has_default = isinstance(sub, Mapping) and "default" in sub
    return name not in schema.get("required", ()) and not has_default


def _implies(step: Step, source: Step) -> bool:
    """Whether the reader's condition is the source's, or asks about the source."""
    return step.when.split() == source.when.split() or source.id in {p[0] for p in render.names(step.when)}


def _read_by(step: Step) -> set[str]:
    """The first part of every name that a step reads, its gate's rule included."""
    rules = [step.gate.rule, *(part.to for _, part in step.gate.later() if part)] if step.gate else []
    texts = [
        t for _, t in render.strings([step.args, step.within, step.when, step.for_each, *rules]) if "{{" in t
    ]
    return {path[0] for text in texts for path in render.names(text)}
