"""What is wrong with a runbook beyond its structure: actions, arguments, references, safety.

`plan` and `run` refuse a runbook with problems, so whatever passes here is planned with
known actions, known arguments and names that exist by the time they are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any

from runbook_exec import check, duration, render
from runbook_exec.action import Action, args_schema, every_action, find
from runbook_exec.change import Nature
from runbook_exec.errors import Invalid, Problems
from runbook_exec.input_schema import RESERVED
from runbook_exec.lint_names import Names
from runbook_exec.model import LANGUAGES, Duty, GateRule, Mode, OnFailure, Path, Place, Runbook, Step
from runbook_exec.opening import opening


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
        self.names = Names(runbook)

    def problems(self) -> Iterator[Invalid]:
        book = self.runbook
        yield from self._words(book.title, ("title",), "the runbook's title")
        if book.ticket == "create" and not any(step.uses == "ticket.open" for step in book.steps()):
            yield self._at(
                ("ticket",), "ticket: create, but no step opens a ticket", "add a step that uses ticket.open"
            )
        yield from self._expression(book.subject, ("subject",), None, "the subject")
        yield from self._control()
        yield from self._beside()
        for number, section in enumerate(book.sections):
            yield from self._words(section.title, ("sections", number, "title"), "the section's title")
            for step in section.steps:
                yield from self._step(step)

    def _beside(self) -> Iterator[Invalid]:
        """A run that left its subject to others never takes it back, so nothing may follow that needs it."""
        began = False
        for number, section in enumerate(self.runbook.sections):
            path = ("sections", number)
            if began and not section.beside:
                yield self._at(
                    path,
                    "it comes after a section that is done beside other runs, and is none itself",
                    "add beside: true, or move it before that one",
                )
            began = began or section.beside
            for step in section.steps if section.beside else ():
                if step.gate:
                    yield self._at(
                        step.path,
                        f"gate {step.id!r} stands in a section that is done beside other runs: "
                        "what has to be done in any case waits for nobody's word",
                        "ask in a section before",
                    )

    def _control(self) -> Iterator[Invalid]:
        """An auditor finds a run by the person, and a day by an expression: both have to be there."""
        book, control = self.runbook, self.runbook.control
        for name, text in (("due", control.due), ("until", control.until)):
            yield from self._expression(text, ("control", name), None, f"the control's {name}")
        if not book.subject and {*control.duties} - {Duty.EMERGENCY}:
            yield self._at(
                ("control",),
                "an auditor could not tell whom a run of this control was about",
                "say it: subject: at the top, with the employee id",
            )
        if control.until and Duty.ACCESS not in control.duties:
            yield self._at(
                ("control", "until"), "only access has an end", "remove until:, or add access to the control"
            )

    def _step(self, step: Step) -> Iterator[Invalid]:
        who = f"step {step.id!r}"
        yield from self._words(step.title, (*step.path, "title"), f"{who}: the title")
        if step.id in self.names.inputs or step.id in RESERVED:
            yield self._at(
                (*step.path, "id"),
                f"{who} has the name of an input or of a word that expressions use",
                "give the step another id",
            )
        yield from self._condition(step, who)
        yield from self._opening(step, who)
        if step.gate:
            yield from self._gate(step, step.gate, who)
            return
        yield from self._repetition(step, who)
        action = find(step.uses)
        if action is None:
            known = [other.name for other in every_action()]
            yield self._at(
                (*step.path, "uses"),
                f"{who} uses {step.uses!r}, which is no action",
                check.nearest(step.uses, known),
            )
            return
        for path, text in render.strings(step.args):
            yield from self._expression(text, (*step.path, "with", *path), step, f"{who}, {_dotted(path)}")
        for path, text in render.strings(step.within):
            where = (*step.path, "within", *path)
            yield from self._expression(
                text, where, replace(step, for_each=""), f"{who}, within.{_dotted(path)}"
            )
        yield from self._arguments(step, action)
        yield from self._safety(step, action)
        yield from self._deferral(step)
        yield from self._of_people(step)

    def _of_people(self, step: Step) -> Iterator[Invalid]:
        """A challenge takes two, and whoever calls is verified before anything is handed out to them."""
        if step.uses == "people.challenge" and step.mode is not Mode.CHALLENGE:
            yield self._at(
                (*step.path, "mode"),
                f"step {step.id!r} takes two people, whatever mode: says",
                "remove mode:",
            )
        if step.uses == "people.verify_caller" and (step.on_failure is OnFailure.CONTINUE or step.deferrable):
            yield self._at(
                step.path,
                f"step {step.id!r} must keep what is behind it from being done",
                "remove on_failure: and deferrable:",
            )
        if self.runbook.asked_by == "phone" and self._hands_out(step) and not self._verified_before(step):
            yield self._at(
                step.path,
                f"step {step.id!r} hands something out to a caller whom nobody has verified",
                "add a step that uses people.verify_caller before it, with no when: of its own",
            )

    @staticmethod
    def _hands_out(step: Step) -> bool:
        action = find(step.uses)
        return bool(step.args.get("reveal")) or (action is not None and action.hands_out)

    def _verified_before(self, step: Step) -> bool:
        before = takewhile(lambda other: other.id != step.id, self.runbook.steps())
        return any(
            other.uses == "people.verify_caller"
            and not other.for_each
            and other.when in {"", step.when}
            and not (other.parallel and other.parallel == step.parallel)
            for other in before
        )

    def _deferral(self, step: Step) -> Iterator[Invalid]:
        """What is put off gives nothing, so nobody may wait for it."""
        if step.deferrable is None:
            return
        path = (*step.path, "deferrable")
        if step.for_each:
            yield self._at(
                path,
                f"step {step.id!r} is repeated, and cannot be put off as a whole",
                "write what may be put off as steps of their own",
            )
        if readers := self.names.readers(step.id):
            yield self._at(
                path,
                f"step {step.id!r} cannot be put off: {', '.join(readers)} read what it gives",
                "remove deferrable:",
            )

    def _gate(self, step: Step, gate: GateRule, who: str) -> Iterator[Invalid]:
        rules: list[tuple[tuple[str, ...], Mapping[str, Any]]] = [((), gate.rule)]
        rules += [((name, "to"), part.to) for name, part in gate.later() if part]
        for inner, rule in rules:
            for path, text in render.strings(rule):
                yield from self._expression(text, (*step.path, "gate", *inner, *path), step, who)
        if not self.runbook.subject:
            yield self._at(
                (*step.path, "gate"),
                f"{who} cannot keep people from agreeing to what is about themselves",
                "say whom or what the runbook is about: subject: at its top",
            )

    # Expressions

    def _condition(self, step: Step, who: str) -> Iterator[Invalid]:
        path = (*step.path, "when")
        found = list(self._expression(step.when, path, step, f"{who}, when"))
        yield from found
        if not step.when or found:
            return
        if not render.is_one_expression(step.when):
            yield self._at(
                path, f"{who}: when has text around its expression", 'write one expression: "{{ a and b }}"'
            )
        elif not list(render.names(step.when)):
            yield from self._constant(step, who, path)

    def _constant(self, step: Step, who: str, path: Path) -> Iterator[Invalid]:
        try:
            render.condition(step.when, {})
        except Invalid as error:
            yield self._at(path, f"{who}: {error.what}", error.next_move)

    def _opening(self, step: Step, who: str) -> Iterator[Invalid]:
        """A time is one expression or is written out; it is the same for all elements of a list."""
        for text in step.not_before:
            own = self.runbook.places.get((*step.path, "not_before"))
            path = (*step.path, "not_before") if own else (*step.path[:2], "not_before")
            found = list(self._expression(text, path, replace(step, for_each=""), f"{who}, not_before"))
            yield from found
            if not found and not list(render.names(text)):
                try:
                    opening(replace(step, not_before=(text,)), {}, where="")
                except Invalid as error:
                    yield self._at(path, f"{who}, {error.what}", error.next_move)
        if step.not_before and not step.beside:
            for gate in takewhile(lambda earlier: earlier.id != step.id, self.runbook.steps()):
                if gate.gate and gate.gate.expires and not gate.gate.holds and not gate.not_before:
                    yield self._at(
                        (*gate.path, "gate"),
                        f"gate {gate.id!r} is shut again once it expires, and {step.id!r} behind it waits for its time",
                        "say how long it stays open: holds: 120d",
                    )

    def _repetition(self, step: Step, who: str) -> Iterator[Invalid]:
        path = (*step.path, "for_each")
        found = list(self._expression(step.for_each, path, step, f"{who}, for_each"))
        yield from found
        if not step.for_each:
            if step.item != "item":
                yield self._at(
                    (*step.path, "as"), f"{who} has as: without for_each:", "remove as:, or add for_each:"
                )
            return
        if step.item in RESERVED or step.item in self.names.inputs or step.item in self.names.steps:
            yield self._at(
                (*step.path, "as" if step.item != "item" else "for_each"),
                f"{who}: {step.item!r} is the name of something else already",
                "give the element another name with as:",
            )
        if found:
            return
        if not render.is_one_expression(step.for_each):
            yield self._at(path, f"{who}: for_each has text around its expression", "write one expression")
            return
        reason = self.names.never_a_list(step.for_each)
        if reason:
            yield self._at(path, f"{who}: for_each reads {reason}", "name an input or output that is a list")

    def _expression(self, text: str, path: Path, step: Step | None, who: str) -> Iterator[Invalid]:
        if "{{" not in text and "{%" not in text:
            return
        try:
            wrong = list(self.names.problems(text, step))
        except Invalid as error:
            yield self._at(path, f"{who}: {error.what}", error.next_move)
            return
        for what, next_move in wrong:
            yield self._at(path, f"{who} {what}", next_move)
        failing = render.failing_constant(text)
        if failing:
            yield self._at(path, f"{who}: {failing.what}", failing.next_move)

    # Arguments

    def _arguments(self, step: Step, action: Action[Any]) -> Iterator[Invalid]:
        who = f"step {step.id!r} ({step.uses})"
        for found in check.findings(step.args, args_schema(action)):
            if not _decided_later(found):
                where = f" with.{'.'.join(map(str, found.path))}:" if found.path else ""
                what = "a secret does not stand in a runbook" if _is_secret(found) else found.what
                path = (*step.path, "with", *found.path)
                yield self._at(path, f"{who}{where} {what}", _next_move(found, action))
        yield from self._keys(step, step.args, (*step.path, "with"))
        for name in ("deadline", "every"):
            value = step.args.get(name)
            if isinstance(value, str) and "{{" not in value:
                try:
                    duration.seconds(value)
                except Invalid as error:
                    yield self._at(
                        (*step.path, "with", name), f"{who} with.{name}: {error.what}", error.next_move
                    )

    def _keys(self, step: Step, value: Any, path: Path) -> Iterator[Invalid]:
        if isinstance(value, Mapping):
            for key, item in value.items():
                if "{{" in str(key):
                    yield self._at(
                        (*path, key),
                        f"step {step.id!r}: the name {key!r} is not computed",
                        "expressions stand in values; write the name out",
                    )
                yield from self._keys(step, item, (*path, key))
        elif isinstance(value, list | tuple):
            for number, item in enumerate(value):
                yield from self._keys(step, item, (*path, number))

    # Safety and words

    def _safety(self, step: Step, action: Action[Any]) -> Iterator[Invalid]:
        writes = action.nature in {Nature.WRITES, Nature.BLIND}
        if writes and not action.can_undo(step.args) and not step.irreversible:
            kind = "destructive " if action.destructive else ""
            yield self._at(
                (*step.path, "uses"),
                f"step {step.id!r} ({step.uses}) is {kind}without a way back and does not say so",
                "add irreversible: and the reason, for the person who approves it",
            )
        if step.irreversible and action.nature in {Nature.COMPUTES, Nature.WAITS}:
            yield self._at(
                (*step.path, "irreversible"),
                f"step {step.id!r} only reads, so irreversible: says nothing",
                "remove irreversible:",
            )
        if any("{{" in reason for reason in step.irreversible_in.values()):
            yield self._at(
                (*step.path, "irreversible"),
                f"step {step.id!r}: irreversible is shown as it is",
                "write it without {{ }}",
            )

    def _words(self, words: Mapping[str, str], path: Path, what: str) -> Iterator[Invalid]:
        for language in LANGUAGES:
            if not words.get(language, "").strip():
                yield self._at(path, f"{what} has no {language!r}", f"add {language}: …")
        for language, text in words.items():
            if "{{" in text:
                yield self._at((*path, language), f"{what} is shown as it is", "write it without {{ }}")

    def _at(self, path: Path, what: str, next_move: str) -> Invalid:
        return Invalid(what, where=str(self._place(path)), next_move=next_move)

    def _place(self, path: Path) -> Place:
        return self.runbook.place(path)


def _decided_later(found: check.Finding) -> bool:
    """True where an expression stands, so that only its value can be checked."""
    if isinstance(found.instance, str):
        if "{{" not in found.instance:
            return False
        try:
            return render.is_one_expression(found.instance) or found.kind != "type"
        except Invalid:
            return True  # told where expressions are checked
    return found.kind in {"anyOf", "oneOf", "uniqueItems", "contains"} and render.has_expression(
        found.instance
    )


def _is_secret(found: check.Finding) -> bool:
    return found.about.get("secret") is True and found.kind == "pattern"


def _next_move(found: check.Finding, action: Action[Any]) -> str:
    if _is_secret(found):
        return 'name one: "{{ step.value }}" of secret.generate, or a secret input'
    if found.next_move in {"correct it", "remove it"}:
        return f"{found.next_move}; `runbook docs {action.name}` shows the arguments"
    return found.next_move


def _dotted(path: Path) -> str:
    return ".".join(["with", *map(str, path)])
