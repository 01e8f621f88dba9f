"""reschedule: another date for a run under way."""

from __future__ import annotations

from typing import Any

import click

from runbook_exec.cli import options, work
from runbook_exec.cli.consent import consents
from runbook_exec.cli.ending import told
from runbook_exec.cli.watching import watching
from runbook_exec.cli.words import say
from runbook_exec.errors import Invalid, Refused


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--to", "day", required=True, metavar="DATE", help="The new date: 2027-01-31.")
@click.option(
    "--input", "named", default="", metavar="NAME", help="Which date moves, where there are several."
)
@click.option("-i", "pairs", multiple=True, metavar="NAME=DATE", help="Another date that moves with it.")
@click.option("--reason", required=True, help="Why; kept in the record, with your name.")
@options.environment
@options.language_option
@options.json_option
@options.hold
@click.option("-y", "--yes", is_flag=True, help="Do not ask before going on.")
def reschedule(
    run_id: str, *, day: str, named: str, pairs: tuple[str, ...], reason: str, yes: bool, **given: Any
) -> int:
    """Move the date that a run's times hang on: postponed, extended, earlier.

    What is left is planned with the new date and shown; gates in it have to open again. What is
    done stays done, but a value that was set from the date is set anew. Without a yes the run
    stays exactly as it was. For somebody who does not come or stays after all: `runbook cancel`, `runbook undo`.

    \b
      runbook reschedule 261124-k7f3m --to 2027-01-31 --reason "contract extended"
      runbook reschedule 261124-k7f3m --to 2027-01-31 --input last_day -i contract_end=2027-02-28 --reason …
    """
    from runbook_exec import reschedule as rescheduling
    from runbook_exec.past import runbook_of

    app = options.open_app(given)
    found = app.find(run_id)
    seen = app.run(found)
    if given["environment"] is None and seen.started["environment"] != app.environment.name:
        app = options.open_app({**given, "environment": seen.started["environment"]})
    if not reason.strip():
        raise Invalid("a new date needs a reason", next_move="say why: --reason TEXT")
    if not yes and not options.in_terminal():
        raise Refused(
            "nobody is at the terminal to look at the new plan",
            next_move="add --yes if it may be carried out",
        )
    runbook = runbook_of(seen)
    moves = {_which(rescheduling.hangs_on(runbook, seen), named): day, **dict(map(_pair, pairs))}

    def agree(made: Any) -> bool:
        if not given["as_json"]:
            work.show(made, app, {**given, "html": None, "brief": False})
        return yes or consents(say(app.desk.language, "agree new"), app.desk.language, enter_is_no=True)

    with watching(app, runbook, given, rehearse=False):
        ended = rescheduling.reschedule(app, found, moves, reason=reason.strip(), agree=agree)
    return told(ended, runbook, given, app.desk.language)


def _which(dates: list[str], named: str) -> str:
    if named:
        return named
    if len(dates) != 1:
        raise Invalid(
            "no date of this run moves anything that is left" if not dates else "several dates could move",
            next_move="`runbook cancel` and begin anew"
            if not dates
            else f"--input {' or --input '.join(dates)}",
        )
    return dates[0]


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Invalid(f"-i {text[:40]!r} has no NAME=DATE", next_move="write -i contract_end=2027-02-28")
    return name, value
