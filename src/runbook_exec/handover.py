"""Handing a run over from one person to the next: what waits, what is next, what is in doubt."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_exec.app import App, now
from runbook_exec.deadline import Late, late
from runbook_exec.errors import Invalid, Refused
from runbook_exec.journal import Event, Kind
from runbook_exec.past import runbook_of
from runbook_exec.proof import record
from runbook_exec.report import Row, rows
from runbook_exec.run import Run, StepStatus

LAST_EVENTS = 8
NEXT_STEPS = 3
LONGEST_NOTE = 2000

_LEFT = {StepStatus.PENDING, StepStatus.FAILED, StepStatus.DRIFTED}


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """What whoever takes a run over has to know."""

    run: Run
    interrupted: bool
    waits: tuple[Row, ...]
    doubtful: tuple[Row, ...]
    """Begun, and nobody knows whether it happened; or no longer as planned."""
    put_off: tuple[Row, ...]
    late: tuple[Late, ...]
    next: tuple[Row, ...]
    events: tuple[Event, ...]


def look(app: App, run_id: str) -> HandOver:
    """The run as it stands; nothing is recorded."""
    run = app.run(run_id)
    runbook = runbook_of(run)
    found = list(rows(run, runbook, app.desk.language))

    def standing(*among: StepStatus) -> tuple[Row, ...]:
        return tuple(row for row in found if row.status in among)

    return HandOver(
        run=run,
        interrupted=app.is_interrupted(run),
        waits=standing(StepStatus.WAITING),
        doubtful=standing(StepStatus.BEGUN, StepStatus.DRIFTED),
        put_off=tuple(row for row in found if row.step in run.deferrals),
        late=tuple(late(run, runbook, app.project.deadline, now())),
        next=tuple(row for row in found if row.status in _LEFT)[:NEXT_STEPS],
        events=tuple(app.store.events(run_id)[-LAST_EVENTS:]),
    )


def take(app: App, run_id: str) -> HandOver:
    """Put on the record that whoever sits here has the run from now on. Raises `Refused` where it is over."""

    def made(run: Run) -> tuple[Kind, str, dict[str, str]]:
        if run.is_over:
            raise Refused(
                f"run {run_id} is {run.status.value}", next_move=f"`runbook log {run_id}` tells its story"
            )
        return Kind.TAKEN, _now(), {"before": run.holder}

    if app.run(run_id).holder != app.desk.who:
        record(app, run_id, made)
    return look(app, run_id)


def note(app: App, run_id: str, text: str) -> Run:
    """Put a remark on the record, also of a run that is under way elsewhere, or over."""
    said = text.strip()
    if not said or len(said) > LONGEST_NOTE:
        raise Invalid(
            f"a note has 1 to {LONGEST_NOTE} characters", next_move="say it shorter, or on the ticket"
        )
    return record(app, run_id, lambda _: (Kind.NOTED, _now(), {"text": said}))


def _now() -> str:
    return now().isoformat(timespec="microseconds")
