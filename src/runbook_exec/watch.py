"""What in the runs that are not over needs somebody: deferrals, and steps that wait too long."""

from __future__ import annotations

from collections.abc import Iterator

from runbook_exec.action import Finding
from runbook_exec.app import App
from runbook_exec.deferral import open_deferrals


def watch(app: App) -> Iterator[tuple[str, Finding]]:
    """(what, finding) for each; a caution is not well, an advisory is."""
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
