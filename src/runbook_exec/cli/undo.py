"""undo: take back what a run changed."""

from __future__ import annotations

import json
from typing import Any

import click

from runbook_exec.cli import options, work
from runbook_exec.cli.ending import told
from runbook_exec.cli.watching import watching
from runbook_exec.cli.words import say
from runbook_exec.errors import Refused
from runbook_exec.visible import visible


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--from", "start", default="", metavar="STEP", help="Only this step and all after it.")
@options.environment
@options.language_option
@options.json_option
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write the plan as a page.")
@click.option("--brief", is_flag=True, help="Only the sentences, without the technical differences.")
@click.option("--dry-run", is_flag=True, help="Only show what would be taken back. Writes nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before writing.")
def undo(run_id: str, *, start: str, dry_run: bool, yes: bool, **given: Any) -> int:
    """Take back what a run changed, last first, from the record of how it was before.

    The plan is shown first, with what cannot come back: a mail, a person's deed, a password.
    Each value is read again before it is touched. One that somebody else changed after the
    run stays as it is, and the plan says so; what is as before already is left alone.

    It is a run of its own, in the journal, with the gates of the runbook; if it stops, `runbook
    resume` goes on. A run that had stopped on the way ends with it.

    \b
      runbook undo 261124-k7f3m --dry-run
      runbook undo 261124-k7f3m --from groups
    """
    from runbook_exec import undoing
    from runbook_exec.past import runbook_of

    app = options.open_app(given)
    found = app.find(run_id)
    seen = app.run(found)
    if given["environment"] is None and seen.started["environment"] != app.environment.name:
        app = options.open_app({**given, "environment": seen.started["environment"]})
    with work.reading(app):
        made = undoing.plan(app, found, start=start)
    if dry_run or not given["as_json"]:
        work.show(made.plan, app, given)
    if made.plan.refusals and not dry_run:
        raise Refused(say(app.desk.language, "refused", "; ".join(made.plan.refusals)))
    if dry_run:
        return Refused.exit_code if made.plan.refusals else 0
    if made.plan.is_empty:
        _nothing(seen, made, app.desk.language, given)
        return 0
    by_hand = work.rehearsed_by_hand(app, given, rehearse=False)
    if not yes and (app.environment.ask_before_writing or by_hand):
        work.agreed(made.plan.changes, app.environment.name, app.desk.language)
    with watching(app, made.plan.runbook, given, rehearse=False):
        ended = undoing.begin(app, made)
    code = told(ended, runbook_of(ended), given, app.desk.language)
    if not given["as_json"]:
        _what_stays(ended, app.desk.language)
    return code


def _nothing(seen: Any, made: Any, language: str, given: dict[str, Any]) -> None:
    if given["as_json"]:
        click.echo(json.dumps({"status": "nothing to take back", "plan": made.plan.digest}))
        return
    click.echo(say(language, "nothing back"))
    if not seen.is_over:
        click.echo(say(language, "or end it", seen.id))


def _what_stays(ended: Any, language: str) -> None:
    """What was not taken back, each with its reason."""
    from runbook_exec.undo import left_behind

    stays = left_behind(ended)
    if stays:
        click.echo(say(language, "stays"))
    for label, why in stays.items():
        click.echo(f"    {visible(label)}: {visible(why)}")
