"""One line of the plan made true: compare, intend, apply, read back, record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from runbook_exec.action import Action, Context, asking, find, still_ours
from runbook_exec.agree import agree, word_given
from runbook_exec.change import Change, Evidence, Json, Nature, Waiting
from runbook_exec.drift import drift
from runbook_exec.errors import (
    Busy,
    Failed,
    JournalError,
    Overtaken,
    Refused,
    RunbookError,
    Transient,
    Unreachable,
)
from runbook_exec.guards import line_refusals, too_many
from runbook_exec.journal import Kind
from runbook_exec.model import Guards, Mode, Step
from runbook_exec.patience import Wait, allowed, ends
from runbook_exec.plan import Line, Status, line_identity
from runbook_exec.run import RunStatus, StepStatus
from runbook_exec.scribe import Scribe
from runbook_exec.secret import Secret
from runbook_exec.stop import GO_ON, Stop, error_body, put_right
from runbook_exec.surroundings import Surroundings
from runbook_exec.values import digest, plain

READ_BACK_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between looks at the far side after a write: some show it only after a while."""


def perform(
    step: Step,
    line: Line,
    approved: Mapping[str, Any] | None,
    *,
    scribe: Scribe,
    around: Surroundings,
    guards: Guards,
    replan: Callable[[], Line],
    admitted: Callable[[], int],
) -> Mapping[str, Any]:
    """Bring one line about and give its outputs. Raises `Stop` where the run cannot go on.

    `admitted` is asked right before each effect: it raises `Stop` where a gate before the step
    is no longer open, and gives how many words of people it took into account.
    """
    doing = _Doing(
        step=step,
        label=line.step,
        approved=approved,
        scribe=scribe,
        around=around,
        guards=guards,
        replan=replan,
        admitted=admitted,
    )
    return doing.settled(line) or doing.done(line)


@dataclass(frozen=True, kw_only=True)
class _Doing:
    step: Step
    label: str
    approved: Mapping[str, Any] | None
    scribe: Scribe
    around: Surroundings
    guards: Guards
    replan: Callable[[], Line]
    admitted: Callable[[], int]

    # What needs no effect

    def settled(self, line: Line) -> Mapping[str, Any] | None:
        """The outputs where nothing is to be done; None where something is."""
        record = self.scribe.run.record(self.label)
        begun = record.status is StepStatus.BEGUN
        if begun and record.nature == Nature.BLIND:
            raise self._in_doubt("it was begun, and nothing tells whether it happened")
        self._refuse_drift(line)
        if line.status is Status.SKIP:
            self.scribe.add(Kind.SKIPPED, {"step": self.label, "reason": line.reason})
            return {"skipped": True, "changed": False}
        if line.status is Status.LOST or (line.change and line.change.conflicts and line.change.is_empty):
            self.scribe.add(Kind.LEFT, {"step": self.label, "reason": line.reason})
            return {"skipped": True, "changed": False}
        if line.status is Status.SAME and line.nature is not Nature.COMPUTES:
            note = "was done before the interruption" if begun else "already so"
            return self._adopted(line, changed=begun, note=note)
        self._refuse_unsafe(line)
        return None

    def _refuse_unsafe(self, line: Line) -> None:
        """Raise where the line must not be done, whatever was planned: a guard, or a value is missing."""
        if line.status is Status.LATER or line.change is None:
            raise self._failed(
                Failed(f"a value is missing: {line.reason}", next_move="see why the earlier step gave none")
            )
        if line.change.blocked:
            raise self._failed(Refused(line.change.blocked, next_move=put_right(self.scribe.run.id)))
        begun = {label for label, record in self.scribe.run.steps.items() if record.change is not None}
        refused = [*line_refusals([line], self.around.protected)]
        if line.counts:
            refused += too_many(self.guards, len(begun | {self.label}))
        if refused:
            raise self._failed(Refused("; ".join(refused), next_move="plan a run that leaves it alone"))

    def _refuse_drift(self, line: Line) -> None:
        """Raise where the line is no longer what was planned and shown."""
        record = self.scribe.run.record(self.label)
        approved, begun = self.approved, record.change is not None
        if begun and record.status is not StepStatus.WAITING:
            # What was begun is measured by its own intent, which lay inside the plan.
            approved = {"status": Status.CHANGE, "what": record.change}
        found = drift(approved, line, begun=begun)
        if found is None:
            return
        conflict = begun and record.status is not StepStatus.WAITING
        error = {
            "kind": "drift",
            "what": found.what,
            "planned": plain(found.planned),
            "found": plain(found.found),
        }
        self.scribe.add(Kind.DRIFTED, {"step": self.label, "error": error})
        raise Stop(
            RunStatus.DRIFTED,
            f"step {self.label!r}: {found.what}",
            next_move=f"`runbook resume {self.scribe.run.id} --replan` shows a new plan for what is left"
            + (
                f"; or `runbook resolve {self.scribe.run.id} {self.label} done` takes it as it is"
                if conflict
                else ""
            ),
            kind="drift",
        )

    def _adopted(self, line: Line, *, changed: bool, note: str) -> Mapping[str, Any]:
        outputs = dict(line.change.outputs) if line.change else {}
        body = {"step": self.label, "outputs": plain(outputs), "changed": changed, "note": note}
        self.scribe.add(Kind.ADOPTED, body)
        return {**outputs, "changed": changed, "skipped": False}

    # What has an effect

    def done(self, line: Line) -> Mapping[str, Any]:
        """Try until it is so, attempts are used up or time is over."""
        action = find(self.step.uses)
        assert action is not None
        length = allowed(self.step, action.patience(line.args))
        deadline = ends(self.scribe.run.record(self.label), length, self.around.clock())
        for attempt in range(1, self.step.retry.attempts + 1):
            if self.step.mode is not Mode.AUTO:
                self.admitted()  # nobody is asked to do what may not be done
            agree(self.step, self.label, action.nature, self.scribe, self.around)
            self._intend(action, line)
            try:
                return self._tried(action, line, deadline)
            except (JournalError, Busy, Stop):
                raise
            except RunbookError as error:
                sent = isinstance(error, Unreachable) and error.sent
                if sent and action.nature in {Nature.BLIND, Nature.HUMAN}:
                    raise self._in_doubt(error.what, error=error) from error
                passing = isinstance(error, Transient | Unreachable)
                if not passing or attempt == self.step.retry.attempts:
                    if sent and (outputs := self._found_done()):
                        return outputs
                    raise self._failed(error) from error
                self.around.say(self.label, f"{error.what}; trying again")
                self._pause(self._backoff(error, attempt), deadline, error.what)
                line = self._planned_again(action)
                if line.status is Status.SAME:
                    return self._adopted(line, changed=True, note="the first attempt had worked")
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _found_done(self) -> Mapping[str, Any] | None:
        """A write got no answer: look whether it happened. None where it did not, or nobody can tell."""
        try:
            line = self.replan()
        except RunbookError:
            return None
        if line.status is not Status.SAME:
            return None
        return self._adopted(line, changed=True, note="there was no answer, but it was done")

    def _planned_again(self, action: Action[Any]) -> Line:
        line = self.replan()
        self._refuse_drift(line)
        if line.status is not Status.SAME:
            self._refuse_unsafe(line)
        return line

    def _intend(self, action: Action[Any], line: Line) -> None:
        if action.nature in {Nature.COMPUTES, Nature.WAITS}:
            return
        assert line.change is not None
        body = {
            "step": self.label,
            "nature": action.nature.value,
            "change": change_body(line.change),
            "digest": digest(line_identity(line)),
        }
        while True:
            heard = self.admitted()
            try:
                self.scribe.add(Kind.INTENT, body, heard=heard)
            except Overtaken:
                continue  # somebody said something in between: ask the gates again
            return

    def _tried(self, action: Action[Any], line: Line, deadline: datetime) -> Mapping[str, Any]:
        assert line.change is not None
        began = self.around.clock()
        for look in count():
            with self.around.sessions.use(action.provider) as session:
                permitted = session.permit(line.change.writes) if session else nullcontext()
                with permitted, asking(self.around.still_ours):
                    still_ours()
                    outcome = action.apply(session, line.args, line.change, self._context(deadline))
            if isinstance(outcome, Evidence):
                return self._read_back(action, line, outcome, deadline)
            again = self._waited(outcome, look, began, deadline)
            if again is not None:
                return again
        raise AssertionError("unreachable: the loop above has no end of its own")

    def _waited(
        self, outcome: Waiting, look: int, began: datetime, deadline: datetime
    ) -> Mapping[str, Any] | None:
        """Wait and look again, soon at first and then in the asked rhythm; the outputs once it is so.

        Its times stand in the journal: whoever leaves leaves a run that waits.
        """
        if outcome.every is None:
            self.scribe.add(Kind.WAITING, {"step": self.label, "reason": outcome.reason})
            raise Stop(
                RunStatus.WAITING,
                f"step {self.label!r} waits: {outcome.reason}",
                next_move=f"`runbook resume {self.scribe.run.id}` goes on",
            )
        now = self.around.clock()
        if now >= deadline:
            raise self._over(outcome.reason)
        due = min(now + timedelta(seconds=outcome.every), deadline)
        wait = Wait(step=self.label, reason=outcome.reason, due=due, until=deadline)
        wait.begin(self.scribe)
        self.around.say(self.label, outcome.reason)
        pause = min(outcome.every, 2.0**look, (deadline - now).total_seconds())
        held = (now - began).total_seconds() + pause <= self.around.hold
        if not held or self.around.pause(pause):
            raise wait.leave(self.scribe)
        try:
            line = self.replan()
        except (Transient, Unreachable) as error:
            self.around.say(self.label, error.what)  # a look that did not come off is one more wait
            return None
        if line.status is Status.SAME:
            return self._adopted(line, changed=True, note="")
        return None

    def _read_back(
        self, action: Action[Any], line: Line, evidence: Evidence, deadline: datetime
    ) -> Mapping[str, Any]:
        """Done means read back: the world must show what was planned."""
        outputs = dict(line.change.outputs) if line.change else {}
        if action.nature is Nature.WRITES and action.rereads:
            seen = self._seen(deadline)
            outputs.update(seen.change.outputs if seen.change else {})
        outputs.update({name: _ruled(value, outputs.get(name)) for name, value in evidence.outputs.items()})
        if action.nature is Nature.WRITES and line.change is not None:
            with self.around.sessions.use(action.provider) as session:
                missing = action.verify(session, line.args, line.change, evidence)
            if missing:
                raise Failed(
                    f"applied, but reading it back shows: {missing}", next_move="look at the far side"
                )
        body = {
            "step": self.label,
            "outputs": plain(outputs),
            "evidence": plain(evidence.answer),
            "undo": plain(evidence.undo),
            "changed": line.status is Status.CHANGE,
        }
        self.scribe.add(Kind.RESULT, body)
        return {**outputs, "changed": line.status is Status.CHANGE, "skipped": False}

    def _seen(self, deadline: datetime) -> Line:
        """The line once a fresh read finds nothing left to do."""
        line = None
        for pause in READ_BACK_PAUSES:
            if pause:
                self._pause(pause, deadline, "the far side does not show the change yet")
            line = self.replan()
            if line.status is Status.SAME:
                return line
        left = sorted(line.change.after or {}) if line and line.change else []
        raise Failed(
            "the far side accepted it, but reading back does not show it: " + ", ".join(left),
            next_move=f"look at the far side; {GO_ON} tries again",
        )

    # Time and trouble

    def _context(self, deadline: datetime) -> Context:
        run = self.scribe.run
        return Context(
            client=run.client,
            run=run.id,
            step=self.label,
            language=self.around.language,
            project=self.around.project,
            now=self.around.clock,
            deadline=deadline,
            say=lambda text: self.around.say(self.label, text),
            record=self._record,
            ask=lambda question: (
                word_given(self.step, self.label, self.scribe, self.around) or self.around.ask(question)
            ),
            story=lambda: self.around.story(self.scribe.run),
        )

    def _record(self, body: Mapping[str, Json]) -> None:
        self.scribe.add(Kind.EVIDENCE, {"step": self.label, "evidence": plain(body)})

    def _pause(self, seconds: float, deadline: datetime, reason: str) -> None:
        left = (deadline - self.around.clock()).total_seconds()
        if left <= 0:
            raise self._over(reason)
        if self.around.pause(min(seconds, left)):
            raise Stop(RunStatus.STOPPED, f"a person stopped it while step {self.label!r} waited")

    def _over(self, reason: str) -> Failed:
        return Failed(
            f"time is over: {reason}",
            next_move=f"see why the far side takes so long, then {GO_ON}, which waits anew",
        )

    def _backoff(self, error: RunbookError, attempt: int) -> float:
        asked = error.after if isinstance(error, Transient) else None
        return asked if asked is not None else self.step.retry.backoff * 2.0 ** (attempt - 1)

    def _failed(self, error: RunbookError) -> Stop:
        self.scribe.add(Kind.FAILED, {"step": self.label, "error": error_body(error)})
        return Stop.of(error, run=self.scribe.run.id, step=self.label)

    def _in_doubt(self, why: str, *, error: RunbookError | None = None) -> Stop:
        body = error_body(error) if error else {"kind": "in-doubt", "what": why}
        self.scribe.add(Kind.FAILED, {"step": self.label, "error": body, "in_doubt": True})
        return Stop(
            RunStatus.IN_DOUBT,
            f"step {self.label!r}: {why}",
            next_move=f"look at the far side, then say what you saw: "
            f"`runbook resolve {self.scribe.run.id} {self.label} done` or `redo`, with --reason",
            kind="in-doubt",
        )


def _ruled(made: Json, planned: Json) -> Json:
    """A secret that was made keeps the rule it was planned by: plans name the rule, never the value."""
    if isinstance(made, Secret) and isinstance(planned, Secret):
        return Secret(made.reveal(), rule=planned.rule)
    return made


def change_body(change: Change) -> dict[str, Json]:
    """A change as the journal keeps it: what compares, what tells, and the before-image."""
    return {
        "action": change.action,
        "target": change.target,
        "identity": plain(change.identity),
        "involves": plain(change.involves),
        "before": plain(change.before),
        "after": plain(change.after),
        "request": plain(change.request),
        "says": dict(change.says),
        "outputs": plain(change.outputs),
        "writes": list(change.writes),
        "reads": [[effect.ref.kind, effect.ref.key] for effect in change.effects],
        **({"conflicts": plain(change.conflicts)} if change.conflicts else {}),
        "destructive": change.destructive,
        "certainty": change.certainty.value,
    }
