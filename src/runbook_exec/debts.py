"""Broken glass, and whether somebody else has looked at it afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_exec.app import App
from runbook_exec.decision import Decision, Verdict
from runbook_exec.journal import Kind
from runbook_exec.run import Run


@dataclass(frozen=True, kw_only=True)
class Debt:
    """Broken glass that nobody else has looked at."""

    run: Run
    decision: Decision


def unreviewed(app: App) -> list[Debt]:
    """All broken glass of this client that somebody else still has to look at."""
    found = []
    for run_id in app.store.runs_with(app.project.client, Kind.BROKEN_GLASS):
        run = app.run(run_id)
        if run.erased:
            continue  # it was looked at: before that nobody may erase it
        house = app.gatehouse(run.started["environment"])
        people = house.people()
        seen = {
            (d.about, d.person)
            for d in run.decisions
            if d.verdict is Verdict.REVIEW and not house.unproven(run, d, people)
        }
        found += [
            Debt(run=run, decision=d)
            for d in run.decisions
            if d.verdict is Verdict.BREAK_GLASS and not any(a == d.seq and p != d.person for a, p in seen)
        ]
    return found
