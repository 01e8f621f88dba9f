"""resolve, cancel: a person's word on the record."""

from __future__ import annotations

from typing import Any

import click

from runbook_exec.cli import options
from runbook_exec.cli.words import say
from runbook_exec.errors import Refused
from runbook_exec.visible import visible

_reason = click.option(
    "--reason", default="", help="Kept in the record, with your name; else it is asked for."
)


@click.command()
@click.argument("run_id", metavar="RUN")
@click.argument("step")
@click.argument("how", type=click.Choice(["done", "redo", "abort"]))
@_reason
@options.environment
def resolve(run_id: str, step: str, how: str, reason: str, environment: str | None) -> None:
    """Say what happened to a step that reading cannot settle, or to a secret that was to be handed over.

    \b
    done   it happened: take it as done and go on
    redo   it did not happen: do it again when the run goes on
    abort  end the run; what was done stays done

    Look at the far side first: a mail that was begun may have gone out.
    """
    from runbook_exec import conduct
    from runbook_exec.deferral import refuse_ending
    from runbook_exec.run import Word

    app = options.open_app({"environment": environment})
    found = app.find(run_id)
    reason = reason or _why(app, found)
    if how == "abort":
        refuse_ending(app, app.run(found))
        conduct.resolve(app, found, step, how=Word.DONE, reason=f"not settled, the run is ended: {reason}")
        conduct.cancel(app, found, reason=reason)
        click.echo(f"run {found} is ended")
        return
    conduct.resolve(app, found, step, how=Word(how), reason=reason)
    click.echo(f"recorded: {visible(step)} is {'taken as done' if how == 'done' else 'to be done again'}")
    click.echo(f"  next: runbook resume {found}")


@click.command()
@click.argument("run_id", metavar="RUN")
@_reason
@options.environment
def cancel(run_id: str, reason: str, environment: str | None) -> None:
    """End a run for good, so that its subject is free for another one.

    Where somebody works on it at this moment, it ends once the step in flight is settled.

    What was done stays done, and the record tells what was not. A secret that was set and not handed
    over is lost with the run; access that was to end by itself stays. Both are said before the run is ended.
    """
    from runbook_exec import conduct
    from runbook_exec.booked import ends
    from runbook_exec.errors import Busy
    from runbook_exec.past import runbook_of
    from runbook_exec.unkept import unkept

    app = options.open_app({"environment": environment})
    found = app.find(run_id)
    run = app.run(found)
    left = [] if run.is_over else unkept(runbook_of(run), run)
    for each in left:
        makers = ", ".join(each.secrets_of)
        click.echo(visible(say(app.desk.language, "left half done", each.step, makers)), err=True)
    if left:
        click.echo(say(app.desk.language, "left half done next", found), err=True)
    lost = ends(run)
    for group, at in lost:
        click.echo(visible(say(app.desk.language, "end lost", group, at.partition("[")[0])), err=True)
    if lost:
        click.echo(say(app.desk.language, "end lost next", found), err=True)
    reason = reason or _why(app, found)
    try:
        conduct.cancel(app, found, reason=reason)
    except Busy as busy:
        conduct.ask_to_end(app, found, reason=reason)
        click.echo(f"{busy.what}; it ends once the step in flight is settled")
        click.echo(f"  next: runbook status {found}")
        return
    click.echo(f"run {found} is cancelled")


def _why(app: Any, run: str) -> str:
    """The reason, asked for; nobody is asked about a run that is over, which is refused anyway."""
    if app.run(run).is_over:
        return ""
    if not options.in_terminal():
        raise Refused("nobody is at the terminal to say why", next_move="add --reason TEXT")
    return str(click.prompt(say(app.desk.language, "gate why")))
