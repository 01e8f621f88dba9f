"""One action carried out beside a run's own steps: a mail or a remark that no checklist item stands for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from runbook_exec.action import Context, find, make_args
from runbook_exec.app import App, now
from runbook_exec.plan import gather
from runbook_exec.run import Run

WITHIN = timedelta(seconds=30)


def carry_out(app: App, run: Run, name: str, values: Mapping[str, Any], *, step: str) -> None:
    """Do it now; raises where it did not come off. `step` names it apart from every other one."""
    action = find(name)
    assert action is not None
    args = make_args(action, values, where=step)
    with app.sessions(write=True) as sessions:
        change = action.plan(args, gather(action, args, sessions.read))
        context = Context(
            client=run.client,
            run=run.id,
            step=step,
            language=app.desk.language,
            project=app.project.folder,
            now=now,
            deadline=now() + WITHIN,
            say=lambda text: None,
            record=lambda body: None,
            ask=lambda question: None,
            story=lambda: "",
        )
        with (
            sessions.use(action.provider) as session,
            session.permit(change.writes) if session else nullcontext(),
        ):
            action.apply(session, args, change, context)
