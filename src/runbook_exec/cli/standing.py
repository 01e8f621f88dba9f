"""How a run stands now: what people said at its gates since it stopped counts already."""

from __future__ import annotations

from typing import Any

from runbook_exec.catalogue import said_in
from runbook_exec.cli.words import say


def gates_now(app: Any, run: Any) -> dict[str, str]:
    """By gate at which the run waits: how it stands now, in words; empty where it opened meanwhile."""
    from runbook_exec.gate import Open
    from runbook_exec.pending import standing
    from runbook_exec.threshold import words_of

    return {
        gate: "" if isinstance(state, Open) else words_of(state, app.desk.language)
        for gate, state in standing(app, run).items()
    }


def next_now(app: Any, run: Any, at_gates: dict[str, str]) -> str:
    """The next move, in the reader's language; for a gate that opened since the run stopped, to go on."""
    from runbook_exec.run import RunStatus

    language = app.desk.language
    if run.status is RunStatus.UNDOING:
        back = app.run(run.undone_by)
        command = f"runbook undo {run.id}" if back.is_over else f"runbook resume {back.id}"
        return say(language, "goes on back", command)
    if run.is_over:
        return ""
    if at_gates and not any(at_gates.values()):
        return say(language, "goes on", f"runbook resume {run.id}")
    return said_in(run.next_move, language)


def gate_says(row: Any, at_gates: dict[str, str], language: str) -> str:
    """What stands behind an item: of a gate that waits, how it stands now."""
    return (at_gates[row.step] or say(language, "gate is open")) if row.step in at_gates else row.says


def why_now(run: Any, at_gates: dict[str, str], language: str) -> str:
    """Why the run stands still, in the reader's language; not what a gate waited for before people spoke."""
    if len(at_gates) == 1:
        ((gate, stands),) = at_gates.items()
        return say(language, "gate stands", gate, stands or say(language, "gate is open"))
    return said_in(run.why, language)
