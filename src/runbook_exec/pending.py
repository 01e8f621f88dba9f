"""What waits at gates, and for whom; and broken glass that nobody looked at yet."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_exec import gate as gates
from runbook_exec.app import App, now
from runbook_exec.decisions import View, places_left, view_of
from runbook_exec.errors import RunbookError
from runbook_exec.gatehouse import waiting_gates
from runbook_exec.run import Run, StepStatus


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A gate that waits, and what the person here has to do with it."""

    view: View
    places: tuple[str, ...]
    """Whose places they may take; empty: none."""
    escalated: bool


def pending(app: App) -> list[Pending]:
    """Every gate at which an open run waits, the oldest first."""
    found = []
    for entry in app.runs(limit=100_000):
        if not entry.open:
            continue
        run = app.run(entry.run)
        for gate in waiting_gates(run):
            if run.record(gate).status.is_over:
                continue
            view = view_of(app.gatehouse(run.started["environment"]), run, gate)
            found.append(_pending(app, view))
    return sorted(found, key=lambda p: p.view.run.waits[p.view.gate].since)


def standing(app: App, run: Run) -> dict[str, gates.State]:
    """The gates at which one run waits, as the words said since then leave them.

    Empty where the people file does not tell: then the journal's last word stands.
    """
    if run.is_over:
        return {}
    waiting = [gate for gate in waiting_gates(run) if run.record(gate).status is StepStatus.WAITING]
    try:
        house = app.gatehouse(run.started["environment"])
        return {gate: view_of(house, run, gate).state for gate in waiting}
    except RunbookError:
        return {}


def _pending(app: App, view: View) -> Pending:
    person = view.people.of_account(app.desk.who)
    waits = isinstance(view.state, gates.Waiting)
    return Pending(
        view=view,
        places=places_left(view, person) if person and waits else (),
        escalated=waits and gates.is_escalated(view.rule, view.facts, now()),
    )
