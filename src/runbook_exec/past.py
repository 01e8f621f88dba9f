"""What a journal says about a run that this process did not begin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from runbook_exec import load
from runbook_exec.model import Mode, OnFailure, Runbook, Section, Step
from runbook_exec.run import Run

_TITLES = {"en": "Taking back", "de": "Zurücknehmen"}
_APPROVAL = {"en": "Approval", "de": "Freigabe"}


def runbook_of(run: Run) -> Runbook:
    """The runbook as it was when the run began, whatever became of its file; of an undo, its checklist."""
    started = run.started

    def fetch(name: str) -> str:
        return json.dumps(started["schemas"][name], ensure_ascii=False)

    runbook = load.parse(started["source"], file=started["file"], fetch=fetch)
    return taken_back(runbook, started["taken_back"]) if "undoes" in started else runbook


def taken_back(runbook: Runbook, labels: Sequence[str]) -> Runbook:
    """The checklist of an undo: the gates first, then what was done, last first."""
    ids = {label.partition("[")[0] for label in labels}
    gates = tuple(replace(step, not_before=()) for step in runbook.steps() if step.gate and step.id in ids)
    sections = [Section(title=_APPROVAL, steps=gates)] if gates else []
    for section in reversed(runbook.sections):
        steps = tuple(_item(step) for step in reversed(section.steps) if step.id in ids and not step.gate)
        if steps:
            sections.append(Section(title=section.title, steps=steps))
    title = {
        language: f"{_TITLES.get(language, _TITLES['en'])}: {text}"
        for language, text in runbook.title.items()
    }
    return replace(runbook, title=title, sections=tuple(sections))


def _item(step: Step) -> Step:
    """A step without what only doing it needs. Whose word it took to do it, it takes to take it back."""
    mode = Mode.AUTO if step.mode is Mode.DO_CONFIRM else step.mode
    bare = replace(step, args={}, when="", not_before=(), parallel="", irreversible="")
    return replace(bare, mode=mode, on_failure=OnFailure.STOP)
