"""What in the runs that are not over needs somebody: deferrals, and steps that wait too long."""

from __future__ import annotations

from collections.abc import Iterator

from runbook_exec.action import Finding
from runbook_exec.app import App, now
from runbook_exec.deadline import Level, late
from runbook_exec.deferral import open_deferrals
from runbook_exec.past import runbook_of


def watch(app: App) -> Iterator[tuple[str, Finding]]:
    """(what, finding) for each; a caution is not well, an advisory is."""
    yield from _late(app)
    for one in open_deferrals(app):
        d = one.deferral
        level = "caution" if one.overdue else "advisory"
        yield (
            "deferrals",
            Finding(
                ok=not one.overdue,
                what=f"{level}: run {one.run.id}, {one.label} is put off until {d.until}, {d.owner} sees to it",
                next_move=f"`runbook settle {one.run.id} {one.label}`",
            ),
        )


def _late(app: App) -> Iterator[tuple[str, Finding]]:
    for entry in app.runs(limit=100_000):
        if not entry.open:
            continue
        run = app.run(entry.run)
        for found in late(run, runbook_of(run), app.project.deadline, now()):
            yield (
                "deadlines",
                Finding(
                    ok=found.level is Level.ADVISORY,
                    what=f"{found.level.value}: run {run.id} is at {found.label} since "
                    f"{found.since:%Y-%m-%d %H:%M} UTC; it should be over by {found.until:%Y-%m-%d %H:%M}",
                    next_move=f"`runbook take {run.id}` shows what it waits for",
                ),
            )
