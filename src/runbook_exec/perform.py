"""One line of the plan made true: compare, intend, apply, read back, record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runbook_exec.action import find
from runbook_exec.agree import agree
from runbook_exec.attempt import Attempt
from runbook_exec.change import Nature
from runbook_exec.drift import drift
from runbook_exec.errors import Busy, Failed, JournalError, Refused, RunbookError, Transient, Unreachable
from runbook_exec.guards import line_refusals, too_many
from runbook_exec.journal import Kind
from runbook_exec.model import Guards, Mode, Step
from runbook_exec.patience import allowed, ends
from runbook_exec.plan_line import Line, Status
from runbook_exec.run import RunStatus, StepStatus
from runbook_exec.scribe import Scribe
from runbook_exec.stop import Stop, error_body, put_right
from runbook_exec.surroundings import Surroundings
from runbook_exec.values import plain


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
class _Doing(Attempt):
    """What is decided before the first attempt and between two."""

    approved: Mapping[str, Any] | None
    guards: Guards

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
            return self.adopted(line, changed=begun, note=note)
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

    # What has an effect

    def done(self, line: Line) -> Mapping[str, Any]:
        """Try until it is so, attempts are used up or time is over."""
        action = find(self.step.uses)
        assert action is not None
        length = allowed(self.step, action.patience(line.args))
        deadline = ends(self.scribe.run.record(self.label), length, self.around.clock())
        attempt = 1
        while True:
            if self.step.mode is not Mode.AUTO:
                self.admitted()  # nobody is asked to do what may not be done
            agree(self.step, self.label, action.nature, self.scribe, self.around)
            self.intend(action, line)
            try:
                return self.tried(action, line, deadline)
            except (JournalError, Busy, Stop):
                raise
            except RunbookError as error:
                sent = isinstance(error, Unreachable) and error.sent
                if sent and action.nature in {Nature.BLIND, Nature.HUMAN}:
                    raise self._in_doubt(error.what, error=error) from error
                passing = isinstance(error, Transient | Unreachable)
                note = "the first attempt had worked"
                if passing and attempt < self.step.retry.attempts:
                    self.around.say(self.label, f"{error.what}; trying again")
                    self.pause(self._backoff(error, attempt), deadline, error.what)
                    attempt, line = attempt + 1, self._planned_again()
                elif sent and (rest := self._rest(line)):
                    note, line = "there was no answer, but it was done", rest
                else:
                    raise self._failed(error) from error
                if line.status is Status.SAME:
                    return self.adopted(line, changed=True, note=note)

    def _rest(self, line: Line) -> Line | None:
        """A write got no answer: what is left to do. None where nothing of it happened, or nobody can tell.

        Of several writes the lost one is read like a single one, and the run goes on with those after
        it: that is no second attempt. Each time less is left, so it ends.
        """
        try:
            rest = self.replan()
        except RunbookError:
            return None
        if rest.status is not Status.SAME and _parts(rest) >= _parts(line):
            return None
        return self._checked(rest)

    def _planned_again(self) -> Line:
        return self._checked(self.replan())

    def _checked(self, line: Line) -> Line:
        self._refuse_drift(line)
        if line.status is not Status.SAME:
            self._refuse_unsafe(line)
        return line

    # Time and trouble

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


def _parts(line: Line) -> int:
    """How many single values are left to bring about; making or removing the thing itself counts as one."""
    if line.change is None:
        return 0
    before, after = line.change.before, line.change.after
    return len(after or {}) + (before is None or after is None)
