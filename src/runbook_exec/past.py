"""What a journal says about a run that this process did not begin."""

from __future__ import annotations

import json

from runbook_exec import load
from runbook_exec.journal import Run
from runbook_exec.model import Runbook


def runbook_of(run: Run) -> Runbook:
    """The runbook as it was when the run began, whatever became of its file."""
    started = run.started

    def fetch(name: str) -> str:
        return json.dumps(started["schemas"][name], ensure_ascii=False)

    return load.parse(started["source"], file=started["file"], fetch=fetch)
