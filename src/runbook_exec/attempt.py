"""One attempt to make a line true: intend, apply, wait, read back, record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from runbook_exec.action import Action, Answer, Context, Question, asking, still_ours
from runbook_exec.agree import how_to_confirm, word_given
from runbook_exec.answer import wrong
from runbook_exec.change import Change, Evidence, Json, Nature, Waiting
from runbook_exec.errors import Failed, Overtaken, Transient, Unreachable
from runbook_exec.journal import Kind
from runbook_exec.model import Step
from runbook_exec.patience import Wait
from runbook_exec.plan_line import Line, Status, line_identity
from runbook_exec.run import RunStatus
from runbook_exec.scribe import Scribe
from runbook_exec.secret import Secret
from runbook_exec.stop import GO_ON, Stop
from runbook_exec.surroundings import Surroundings
from runbook_exec.values import digest, plain

READ_BACK_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between looks at the far side after a write: some show it only after a while."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What every attempt at one step shares: who writes the journal, how to look again, until when."""

    step: Step
    label: str
    scribe: Scribe
    around: Surroundings
    replan: Callable[[], Line]
    admitted: Callable[[], int]

    def intend(self, action: Action[Any], line: Line) -> None:
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

    def tried(self, action: Action[Any], line: Line, deadline: datetime) -> Mapping[str, Any]:
        assert line.change is not None
        began, unseen = self.around.clock(), ""
        for look in count():
            with self.around.sessions.use(action.provider) as session:
                permitted = session.permit(line.change.writes) if session else nullcontext()
                with permitted, asking(self.around.still_ours):
                    still_ours()
                    outcome = action.apply(session, line.args, line.change, self._context(deadline))
            if isinstance(outcome, Evidence):
                return self._read_back(action, line, outcome, deadline)
            if unseen:
                outcome = replace(outcome, reason=f"{outcome.reason} ({unseen})")
            again, unseen = self._waited(outcome, look, began, deadline)
            if again is not None:
                return again
        raise AssertionError("unreachable: the loop above has no end of its own")

    def _waited(
        self, outcome: Waiting, look: int, began: datetime, deadline: datetime
    ) -> tuple[Mapping[str, Any] | None, str]:
        """Wait and look again, soon at first and then in the asked rhythm; the outputs once it is so.

        Beside them why the look did not come off, where the far side could not be asked.

        Its times stand in the journal: whoever leaves leaves a run that waits.
        """
        if outcome.every is None:
            self.scribe.add(Kind.WAITING, {"step": self.label, "reason": outcome.reason})
            raise Stop(
                RunStatus.WAITING,
                f"step {self.label!r} waits: {outcome.reason}",
                next_move=how_to_confirm(self.step, self.label, self.scribe, self.around),
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
            return None, error.what
        if line.status is Status.SAME:
            return self.adopted(line, changed=True, note=""), ""
        return None, ""

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
                self.pause(pause, deadline, "the far side does not show the change yet")
            line = self.replan()
            if line.status is Status.SAME:
                return line
        left = sorted(line.change.after or {}) if line and line.change else []
        raise Failed(
            "the far side accepted it, but reading back does not show it: " + ", ".join(left),
            next_move=f"look at the far side; {GO_ON} tries again",
        )

    def adopted(self, line: Line, *, changed: bool, note: str) -> Mapping[str, Any]:
        outputs = dict(line.change.outputs) if line.change else {}
        body = {"step": self.label, "outputs": plain(outputs), "changed": changed, "note": note}
        self.scribe.add(Kind.ADOPTED, body)
        return {**outputs, "changed": changed, "skipped": False}

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
            ask=self._ask,
            story=lambda: self.around.story(self.scribe.run),
        )

    def _ask(self, question: Question) -> Answer | None:
        """The word that somebody gave already, where it answers the question; else whoever is here is asked."""
        given = word_given(self.step, self.label, self.scribe, self.around)
        fits = given and (question.answer is None or not wrong(question.answer, question.expect, given.value))
        return given if fits else self.around.ask(question)

    def _record(self, body: Mapping[str, Json]) -> None:
        self.scribe.add(Kind.EVIDENCE, {"step": self.label, "evidence": plain(body)})

    def pause(self, seconds: float, deadline: datetime, reason: str) -> None:
        left = (deadline - self.around.clock()).total_seconds()
        if left <= 0:
            raise self._over(reason)
        if self.around.pause(min(seconds, left)):
            raise Stop(RunStatus.STOPPED, f"a person stopped it while step {self.label!r} waited")
        self.scribe.listen()
        if self.scribe.run.ends:
            raise Stop(RunStatus.STOPPED, self.scribe.run.ending)

    def _over(self, reason: str) -> Failed:
        return Failed(
            f"time is over: {reason}",
            next_move=f"see why the far side takes so long, then {GO_ON}, which waits anew",
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
