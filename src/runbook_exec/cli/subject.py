"""subject: what is on record about a person or machine; holds; erasure."""

from __future__ import annotations

import json
from typing import Any

import click

from runbook_exec.cli import options
from runbook_exec.cli.words import say
from runbook_exec.errors import Refused
from runbook_exec.visible import visible

_reason = click.option(
    "--reason",
    required=True,
    metavar="TEXT",
    help="Kept for good, with your name: a ticket, a letter, a law; no names.",
)


@click.group()
def subject() -> None:
    """What is on record about the person or machine that runs are about.

    SUBJECT is written as the runs have it (an employee id, a login), or is the id of one of its runs.
    One person may be several subjects: runbooks name them by different things.
    """


@subject.command()
@click.argument("subject", metavar="SUBJECT")
@options.environment
@options.language_option
@options.json_option
def show(subject: str, *, as_json: bool, **given: Any) -> None:
    """Show which runs are about a subject, since when, and what holds its erasure back."""
    from runbook_exec import subjects

    app = options.open_app(given)
    found = subjects.standing(app, subject)
    against = list(subjects.obstacles(app, found))
    if as_json:
        click.echo(json.dumps(_json(found, against), ensure_ascii=False, indent=2))
        return
    language = app.desk.language
    _tell(found, language)
    click.echo()
    if not against:
        click.echo(say(language, "may be erased", visible(subject)))
    for obstacle in against:
        click.echo(say(language, "against erasing", visible(obstacle.what)))


@subject.command()
@click.argument("subject", metavar="SUBJECT")
@_reason
@options.environment
@options.language_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask before erasing.")
def erase(subject: str, *, reason: str, yes: bool, **given: Any) -> None:
    """Erase what the journal says about a subject, for good.

    The subject's key is deleted: names, inputs, plans and values become unreadable everywhere in the
    journal and in every copy of it. Kinds of events, times and who acted stay, and the chain still
    holds. What remains elsewhere is shown first: tickets, mails, exports, backups of the keys.

    Refused while a run about it is open, while `retention:` of runbook.yaml runs, or a legal hold stands.

    \b
      runbook subject show 1042
      runbook subject erase 1042 --reason "request of 2026-11-02, ticket 4711"
    """
    from runbook_exec import subjects
    from runbook_exec.cli.consent import consents

    app = options.open_app(given)
    language = app.desk.language
    found = subjects.standing(app, subject)
    _refuse(list(subjects.obstacles(app, found)))
    _tell(found, language)
    click.echo(say(language, "goes"))
    _tell_what_remains(found, language)
    if not yes:
        if not options.in_terminal():
            raise Refused(
                "nothing is erased unasked, and nobody is at the terminal",
                next_move="add --yes once you have seen what goes",
            )
        if not consents(say(language, "agree to erase", visible(subject)), language, enter_is_no=True):
            click.echo(say(language, "not erased"))
            raise click.Abort
    complete = subjects.erase(app, found, subject, reason)
    click.echo(say(language, "is erased"))
    if not complete:
        click.echo(say(language, "still read"))


@subject.command()
@click.argument("subject", metavar="SUBJECT")
@_reason
@options.environment
def hold(subject: str, *, reason: str, **given: Any) -> None:
    """Put a legal hold on a subject: nobody erases it until the hold is released."""
    from runbook_exec import subjects

    subjects.hold(options.open_app(given), subject, reason)
    click.echo(f"{visible(subject)} is held; `runbook subject release` ends that")


@subject.command()
@click.argument("subject", metavar="SUBJECT")
@_reason
@options.environment
def release(subject: str, *, reason: str, **given: Any) -> None:
    """End a legal hold."""
    from runbook_exec import subjects

    subjects.release(options.open_app(given), subject, reason)
    click.echo(f"{visible(subject)} is held no more")


def _refuse(against: list[Refused]) -> None:
    """Raise all that stands against it at once, with the exit code of a refusal."""
    if len(against) == 1:
        raise against[0]
    if against:
        raise Refused(
            "; ".join(obstacle.what for obstacle in against),
            next_move="; ".join(obstacle.next_move for obstacle in against),
        )


def _tell(found: Any, language: str) -> None:
    for run in found.runs:
        started = f"{run.started_at[:16].replace('T', ' ')} UTC"
        stands = (
            say(language, "erased", run.erased[:10])
            if run.erased
            else say(language, f"status {run.status.value}")
        )
        click.echo(f"{run.id}  {visible(str(run.started['runbook'])):<20} {started}  {stands}")
    if not found.runs:
        click.echo(say(language, "no runs about it"))
    if found.hold:
        click.echo(say(language, "held", found.hold.at[:10], found.hold.who, found.hold.body["reason"]))
    if found.keep_until:
        click.echo(say(language, "kept until", f"{found.keep_until:%Y-%m-%d}"))


def _tell_what_remains(found: Any, language: str) -> None:
    click.echo(say(language, "remains"))
    for trace in found.elsewhere:
        if trace.number:
            told = say(language, "remains ticket", visible(trace.number))
        elif trace.kind == "mail":
            told = say(language, "remains mail", trace.count)
        else:
            told = say(language, "remains far side", trace.kind, trace.count)
        click.echo(f"  {trace.run}  {told}")
    click.echo(say(language, "remains copies"))
    if found.in_clear:
        click.echo(say(language, "remains in clear", ", ".join(found.in_clear)))


def _json(found: Any, against: list[Refused]) -> dict[str, Any]:
    return {
        "name": found.name,
        "runs": [
            {"run": run.id, "status": run.status.value, "started": run.started_at, "ended": run.ended_at,
             "erased": run.erased}
            for run in found.runs
        ],
        "held": found.hold.at if found.hold else None,
        "kept_until": found.keep_until.isoformat() if found.keep_until else None,
        "erased": list(found.erased),
        "in_clear": list(found.in_clear),
        "elsewhere": [trace.body() for trace in found.elsewhere],
        "against": [{"what": o.what, "next": o.next_move} for o in against],
    }  # fmt: skip
