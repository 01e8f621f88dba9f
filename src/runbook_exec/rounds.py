"""One round over all runs that wait: those whose time has come go on, each in the hands of one process.

What a run waits for stands in its journal: the next look at a far side, a time before which a
step may not be done, a gate. Nothing runs in between; `runbook resume --due` is a round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from runbook_exec import conduct, courier, gate, outbox, recover
from runbook_exec.app import App, now
from runbook_exec.errors import Busy, RunbookError
from runbook_exec.gatehouse import waiting_gates
from runbook_exec.journal import Event, Kind
from runbook_exec.past import runbook_of
from runbook_exec.plan import gate_of
from runbook_exec.run import Run, RunStatus, StepStatus

TROUBLE = frozenset({RunStatus.FAILED, RunStatus.DRIFTED, RunStatus.REFUSED, RunStatus.IN_DOUBT})


class Outcome(StrEnum):
    """What a round did with a run."""

    ADVANCED = "advanced"
    BUSY = "busy"
    """Somebody else works on it."""
    TOLD = "told"
    """It waits at a gate, and whoever is to know was told by mail."""
    LEFT = "left"
    """A person has to go on with it."""
    TROUBLE = "trouble"


@dataclass(frozen=True, kw_only=True)
class Told:
    """One run of a round, for whoever reads its output."""

    run: str
    outcome: Outcome
    says: str
    runbook: str = ""
    status: str = ""
    next_move: str = ""
    due: str = ""


Opened = Callable[[str], App]
"""The application in the environment of this name."""


def round_of(
    app: App, opened: Opened, *, only: str | None = None, clock: Callable[[], datetime] = now
) -> Iterator[Told]:
    """Go on with every run whose time has come; of `only` this environment, where one is named."""
    for run_id, head in app.store.heads(app.project.client).items():
        if not _may_be_due(head, clock()):
            continue
        try:
            run = app.run(run_id)
            if only is not None and run.started["environment"] != only:
                continue
            told = _one(opened(str(run.started["environment"])), run, clock())
        except Busy as error:
            told = _of_error(run_id, Outcome.BUSY, error)
        except RunbookError as error:
            told = _of_error(run_id, Outcome.TROUBLE, error)
        if told is not None:
            yield told
    for name in sorted({one.environment for one in outbox.owed(app) if only in {None, one.environment}}):
        with suppress(RunbookError):
            outbox.tell(opened(name), clock)


def _may_be_due(head: Event, at: datetime) -> bool:
    """Judged by the newest event alone, so that a thousand waiting runs cost one query."""
    if head.kind not in {Kind.STOPPED, Kind.TOLD} or (head.kind == Kind.TOLD and "due" not in head.body):
        return True  # something was said since, or its process was killed
    waits = head.kind == Kind.TOLD or head.body.get("status") == RunStatus.WAITING or _tries_again(head)
    due = head.body.get("due")
    return bool(waits and due and datetime.fromisoformat(str(due)) <= at)


def _tries_again(head: Event) -> bool:
    """Whether a step failed that has to be done in any case: it is tried again by itself."""
    return head.kind == Kind.STOPPED and head.body.get("beside") is True


def _one(app: App, run: Run, at: datetime) -> Told | None:
    """What becomes of one run; None where its time has not come."""
    if app.is_interrupted(run):
        return _interrupted(app, run)
    if run.status is RunStatus.FAILED and run.due:
        return _gone_on(app, run) if is_due(run, at) else None
    if run.status is not RunStatus.WAITING:
        return None
    if _at_gates(run):
        return _gone_on(app, run) if gate_has_moved(app, run) else _told(app, run, at)
    return _gone_on(app, run) if is_due(run, at) else None


def _at_gates(run: Run) -> list[str]:
    """The gates at which the run waits."""
    return [label for label in waiting_gates(run) if run.record(label).status is StepStatus.WAITING]


def _told(app: App, run: Run, at: datetime) -> Told | None:
    """Whoever is to be told about a gate that waits; None where nobody is."""
    told = courier.deliver(app, run, at=at).told[len(run.told) :]
    if not told:
        return None
    reached = sorted({each.person for each in told} - {each.person for each in told if each.failed})
    missed = sorted({each.person for each in told if each.failed})
    says = [f"told {', '.join(reached)}"] * bool(reached) + [f"not reached: {', '.join(missed)}"] * bool(
        missed
    )
    return Told(
        run=run.id,
        runbook=str(run.started["runbook"]),
        outcome=Outcome.TROUBLE if missed else Outcome.TOLD,
        status=run.status.value,
        says="; ".join(says),
    )


def is_due(run: Run, at: datetime) -> bool:
    """Whether a time that the run waits for has come."""
    return bool(run.due) and datetime.fromisoformat(run.due) <= at


def gate_has_moved(app: App, run: Run) -> bool:
    """Whether a gate at which the run waits is open by now, or shut for good."""
    house = app.gatehouse(str(run.started["environment"]))
    return any(
        not isinstance(house.state(run, label, gate_of(run.waits[label].rule)), gate.Waiting)
        for label in _at_gates(run)
    )


def _interrupted(app: App, run: Run) -> Told:
    """A killed process: where it only waited, the round goes on; what was begun is for a person."""
    begun = any(record.status is StepStatus.BEGUN for record in run.steps.values())
    waits = any(record.status is StepStatus.WAITING and record.due for record in run.steps.values())
    # What ends by itself has been booked: it must not lie there because a process was killed. Reading settles the rest.
    ends = any(section.beside for section in runbook_of(run).sections)
    if (waits and not begun) or ends:
        return _gone_on(app, run)
    return Told(
        run=run.id,
        runbook=str(run.started["runbook"]),
        outcome=Outcome.TROUBLE,
        status="interrupted",
        says="its process was killed",
        next_move=f"`runbook resume {run.id}` looks at what was begun, and goes on",
    )


def _gone_on(app: App, run: Run) -> Told:
    runbook = runbook_of(run)
    if recover.to_reopen(runbook, run) and recover.may_be_handed_over(runbook, run):
        return Told(
            run=run.id,
            runbook=runbook.name,
            outcome=Outcome.LEFT,
            status=run.status.value,
            says="a secret may have been handed over, so a person goes on",
            next_move=f"`runbook resume {run.id}`",
        )
    ended = conduct.resume(app, run.id, agree=None)
    return Told(
        run=run.id,
        runbook=runbook.name,
        outcome=Outcome.TROUBLE if ended.status in TROUBLE else Outcome.ADVANCED,
        status=ended.status.value,
        says=ended.why,
        next_move=ended.next_move,
        due=ended.due,
    )


def _of_error(run: str, outcome: Outcome, error: RunbookError) -> Told:
    where = f"{error.where}: " if error.where else ""
    return Told(run=run, outcome=outcome, says=where + error.what, next_move=error.next_move)
