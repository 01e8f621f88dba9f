"""What a run's ticket is told: each item's result once, and where the run stands. Pure."""

from __future__ import annotations

from runbook_exec.catalogue import said_in
from runbook_exec.model import Runbook
from runbook_exec.report import MARKS, WORDS, rows, titled
from runbook_exec.run import Run, StepRecord, StepStatus
from runbook_exec.visible import visible

TOLD = frozenset(StepStatus) - {StepStatus.PENDING, StepStatus.BEGUN, StepStatus.WAITING}
"""What is a result; what is still under way is told by where the run stands."""


def narration(before: Run | None, run: Run, runbook: Runbook, language: str) -> str:
    """What came of the items since `before`, as plain text; empty where there is nothing to tell.

    Nothing in it is markup, and nothing of it is secret: the journal keeps no secrets.
    """
    words = WORDS.get(language, WORDS["en"])
    news = [
        f"{MARKS[row.status]} {_line(row.title)}" + (f": {_line(row.says)}" if row.says else "")
        for row in rows(run, runbook, language)
        if row.status in TOLD and _result(run, row.step) != _result(before, row.step)
    ]
    if not news and before is not None and (before.status, before.why) == (run.status, run.why):
        return ""
    statuses: dict[str, str] = words["statuses"]  # type: ignore[assignment]
    now = f"{words['status']}: {statuses.get(run.status.value, run.status.value)}"
    why = _line(said_in(run.why, language))
    head = f"{_line(titled(runbook.title, language))} ({words['run']} {run.id})"
    return "\n".join([head, "", *news, *([""] if news else []), f"{now}. {why}" if why else now])


def ticket_of(run: Run, runbook: Runbook) -> str:
    """The ticket that a run tells its story on: the one it was started with, or the first that it opened."""
    if run.started.get("ticket"):
        return str(run.started["ticket"])
    opened = (
        record.outputs.get("id")
        for step in runbook.steps()
        if step.uses == "ticket.open"
        for record in run.records_of(step.id).values()
    )
    return next((number for number in opened if isinstance(number, str)), "")


def closed_by(run: Run) -> list[str]:
    """The tickets that the run closed and that get its checklist."""
    answers = (record.evidence for record in run.steps.values() if record.change)
    return [str(answer["ticket"]) for answer in answers if answer.get("checklist")]


def _result(run: Run | None, label: str) -> tuple[StepStatus, str]:
    record = run.record(label) if run is not None else StepRecord()
    return record.status, record.ended_at


def _line(text: str) -> str:
    return visible(" ".join(text.split()))
