"""A step that waits: its times stand in the journal, so no process has to carry it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from runbook_exec import almanac
from runbook_exec.change import Json
from runbook_exec.errors import RunbookError, Transient, Unreachable
from runbook_exec.journal import Kind
from runbook_exec.model import Step
from runbook_exec.run import RunStatus, StepRecord, StepStatus
from runbook_exec.scribe import Scribe
from runbook_exec.stop import Stop, stamp

AGAIN = 60.0
"""Seconds after which a waiting run tries again where a far side did not answer."""


def allowed(step: Step, patience: float | None) -> float:
    """Seconds that a step may take: by its action's arguments or its `timeout`, and never past its deadline."""
    length = step.timeout if patience is None else patience
    return length if step.deadline is None else min(length, step.deadline)


def is_waiting(record: StepRecord) -> bool:
    """Whether the step waits by its record."""
    return record.status is StepStatus.WAITING


def ends(record: StepRecord, length: float, now: datetime) -> datetime:
    """When a step's time is over: counted from when it began to wait, whatever restarts there were."""
    if is_waiting(record) and record.until:
        return datetime.fromisoformat(record.until)
    return now + timedelta(seconds=length)


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What a step waits for, and its times."""

    step: str
    reason: str
    due: datetime
    """When to look again."""
    until: datetime
    """When the step's time is over."""

    def begin(self, scribe: Scribe) -> None:
        """Put the wait on the record, once for as long as it is for the same."""
        record = scribe.run.record(self.step)
        if not is_waiting(record) or (record.note, record.until) != (self.reason, stamp(self.until)):
            scribe.add(Kind.WAITING, self._body())

    def leave(self, scribe: Scribe) -> Stop:
        """The stop of a run that goes on waiting without a process."""
        record = scribe.run.record(self.step)
        if (record.note, record.due) != (self.reason, stamp(self.due)):
            scribe.add(Kind.WAITING, self._body())
        run = scribe.run.id
        return Stop(
            RunStatus.WAITING,
            f"step {self.step!r} waits: {self.reason}",
            next_move=f"`runbook resume {run}` looks again; "
            f"`runbook resume --due` does so from {self.due:%Y-%m-%d %H:%M} UTC on",
            kind="wait",
            due=self.due,
        )

    def _body(self) -> dict[str, Json]:
        times = {"due": stamp(self.due), "until": stamp(self.until)}
        return {"step": self.step, "reason": self.reason, **times}


_NOT_BEFORE = {"en": "not before {}", "de": "nicht vor {}"}


def wait_until(step: str, opens: datetime, text: str, scribe: Scribe, language: str) -> Stop:
    """The stop of a run whose next step has a time of its own; it is gone on with from then on."""
    run = scribe.run.id
    told = _NOT_BEFORE.get(language, _NOT_BEFORE["en"]).format(almanac.said(text, language))
    record = scribe.run.record(step)
    if not is_waiting(record) or (record.note, record.due) != (told, stamp(opens)):
        scribe.add(Kind.WAITING, {"step": step, "reason": told, "due": stamp(opens)})
    return Stop(
        RunStatus.WAITING,
        f"step {step!r} waits: {told}",
        next_move=f"`runbook resume {run}` goes on from then; `runbook resume --due` does so by itself",
        kind="time",
        due=opens,
    )


def still_waiting(step: str, error: RunbookError, scribe: Scribe, now: datetime) -> Stop | None:
    """The stop where a far side could not be asked while its time is not over; None for any other trouble."""
    record = scribe.run.record(step)
    passing = isinstance(error, Transient | Unreachable)
    if not passing or not is_waiting(record) or not record.until:
        return None
    until = datetime.fromisoformat(record.until)
    if now >= until:
        return None
    due = min(now + timedelta(seconds=AGAIN), until)
    return Wait(step=step, reason=error.what, due=due, until=until).leave(scribe)
