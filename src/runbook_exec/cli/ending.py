"""How a run ended, for whoever began it or went on with it; and the exit code that says so."""

from __future__ import annotations

import json
from typing import Any

import click

from runbook_exec.catalogue import said_in
from runbook_exec.cli.words import say
from runbook_exec.errors import EXIT_IN_DOUBT, EXIT_WAITING, Refused
from runbook_exec.visible import visible

EXITS = {
    "done": 0,
    "waiting": EXIT_WAITING,
    "in doubt": EXIT_IN_DOUBT,
    "drifted": Refused.exit_code,
    "refused": Refused.exit_code,
    "stopped": EXIT_WAITING,
    "failed": 5,
    "cancelled": 0,
    "being undone": 5,
    "undone": 5,
}


def _differences(ended: Any, language: str) -> None:
    """For drift: what was planned, and what is there now."""
    for label, record in ended.steps.items():
        if record.status == "drifted" and record.error and f"{label!r}" in ended.why:
            for side in ("planned", "found"):
                text = json.dumps(record.error.get(side), ensure_ascii=False)
                click.echo(f"    {label} {say(language, side):<9}{visible(text)}")


def told(ended: Any, parsed: Any, given: dict[str, Any], language: str = "en") -> int:
    """Say how a run ended: what is done, what is not, the command that goes on; its exit code."""
    from runbook_exec import report
    from runbook_exec.cli.history import run_json
    from runbook_exec.fidelity import kept

    status = ended.status.value
    if given["as_json"]:
        click.echo(json.dumps(run_json(ended, parsed), ensure_ascii=False, indent=2))
        return EXITS[status]
    rows = list(report.rows(ended, parsed, language))
    done = sum(row.status.is_over and row.status != "left" for row in rows)
    click.echo()
    if status == "done":
        click.echo(say(language, "done", ended.id, done, len(rows)))
        for defect in report.fidelity_words(kept(ended.fidelity), language)[1:]:
            click.echo(click.style(f"! {defect}", fg="red", bold=True))
        click.echo(say(language, "story", ended.id))
        return 0
    colour = "yellow" if status == "waiting" else "red"
    head = say(language, "ended", ended.id, say(language, f"status {status}"))
    awaited = [row.says for row in rows if row.status == "waiting" and row.says]
    why = next((note for note in awaited if ended.why.endswith(note)), said_in(ended.why, language))
    click.echo(click.style(head, fg=colour) + visible(why))
    if ended.is_over:
        click.echo(say(language, "story", ended.id))
        return EXITS[status]
    _differences(ended, language)
    unsettled = ", ".join(
        row.step
        for row in rows
        if ended.record(row.step).change is not None and not row.status.is_over and row.status != "deferred"
    )
    so_far = say(language, "so far", done, len(rows))
    click.echo(so_far + (say(language, "unsettled", unsettled) if unsettled else "") + say(language, "rest"))
    going_on = f"runbook resume {ended.id}"
    if ended.next_move:
        plain = ended.next_move == f"`{going_on}` goes on"
        move = say(language, "goes on", going_on) if plain else said_in(ended.next_move, language)
        click.echo(say(language, "next", visible(move)))
    if going_on not in ended.next_move:
        click.echo(say(language, "then", going_on))
    return EXITS[status]
