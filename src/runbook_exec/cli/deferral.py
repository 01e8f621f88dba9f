"""defer, deferrals, settle: steps that are put off, and what becomes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from runbook_exec.cli import options, work
from runbook_exec.cli.words import say
from runbook_exec.visible import visible

_key = click.option(
    "--key", type=click.Path(dir_okay=False), metavar="FILE", help="Your SSH key; else your agent's."
)
_played = click.option(
    "--as", "played", default="", metavar="PERSON", help="Rehearsal company only: whom you play."
)


@click.command()
@click.argument("run_id", metavar="RUN")
@click.argument("step")
@click.option("--reason", required=True, help="Why it cannot be done now.")
@click.option("--owner", required=True, metavar="PERSON", help="Who sees to it.")
@click.option("--until", required=True, metavar="DAY", help="Its last day: 2026-12-01, or 3d from now.")
@click.option(
    "--class", "letter", type=click.Choice(["A", "B", "C", "D"]), help="A stricter class than the step's."
)
@_key
@_played
@options.environment
@options.language_option
def defer(run_id: str, step: str, *, letter: str | None, key: str | None, played: str, **given: Any) -> None:
    """Put a step off that may be put off, as in a minimum-equipment list.

    The runbook says which steps may (deferrable:), the people file for how long and who may
    allow it (deferrals:). Whoever may allow it types the command. The run goes on without the
    step, and does not end before it is settled.

    \b
      runbook defer k7f3m badge --reason "printer broken" --owner tobias.jansen@kranich.example --until 3d
    """
    from runbook_exec import deferral

    app = options.open_app(given)
    found = app.find(run_id)
    wish = deferral.Wish(
        reason=given["reason"], owner=given["owner"], until=given["until"], letter=letter or ""
    )
    run = deferral.defer(app, found, step, wish, key=_path(key), played=played)
    put_off = run.deferrals.get(step)
    if put_off is not None:
        click.echo(
            say(app.desk.language, "put off", step, put_off.letter, put_off.until, visible(put_off.owner))
        )
    click.echo(say(app.desk.language, "next", f"runbook resume {found}"))


@click.command()
@options.environment
@options.language_option
@options.json_option
def deferrals(*, as_json: bool, **given: Any) -> None:
    """List all steps that are put off and not settled, the most urgent first."""
    from runbook_exec.deferral import open_deferrals

    app = options.open_app(given)
    found = open_deferrals(app)
    if as_json:
        click.echo(json.dumps([_json(one) for one in found], ensure_ascii=False, indent=2))
        return
    if not found:
        click.echo(say(app.desk.language, "none put off"))
    for one in found:
        d = one.deferral
        mark = click.style("!", fg="red", bold=True) if one.overdue else click.style("◷", fg="yellow")
        head = f"{one.run.id}  {visible(one.title)} ({one.label})"
        click.echo(f"{mark} {head}  {say(app.desk.language, 'class until', d.letter, d.until)}")
        if one.overdue:
            click.echo(click.style(say(app.desk.language, "overdue"), fg="red"))
        click.echo(f"      {visible(d.owner)}: {visible(d.reason)}")
        click.echo(say(app.desk.language, "settle it", one.run.id, one.label))


@click.command()
@click.argument("run_id", metavar="RUN")
@click.argument("step")
@click.option("--never", is_flag=True, help="It is never to be done; needs the right to allow its class.")
@click.option("--reason", default="", help="Why it is never to be done.")
@click.option("--replan", is_flag=True, help="Make and show a new plan for what is left.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before going on.")
@click.option("--rehearse", is_flag=True, help="Sandbox only: human items confirm themselves.")
@_key
@_played
@options.inputs_options
@options.environment
@options.language_option
@options.json_option
def settle(
    run_id: str, step: str, *, never: bool, reason: str, key: str | None, played: str, **given: Any
) -> int:
    """Do a step now that was put off; or say that it never will be done.

    It is `runbook resume` for one deferred step more: planned from a fresh read, held
    against what was agreed to, with its gates asked again.
    """
    how = {name: given.pop(name) for name in ("replan", "yes", "rehearse")}
    if never:
        from runbook_exec import deferral

        app = options.open_app(given)
        found = app.find(run_id)
        deferral.never(app, found, step, reason=reason, key=_path(key), played=played)
        if not given["as_json"]:
            click.echo(say(app.desk.language, "given up", step))
    return work.go_on(run_id, given, **how, due="" if never else step)


def _json(one: Any) -> dict[str, Any]:
    d = one.deferral
    return {
        "run": one.run.id,
        "step": one.label,
        "title": one.title,
        "class": d.letter,
        "owner": d.owner,
        "until": d.until.isoformat(),
        "overdue": one.overdue,
        "reason": d.reason,
        "allowed_by": d.by,
        "since": d.since.isoformat(),
    }


def _path(key: str | None) -> Path | None:
    return Path(key).expanduser() if key else None
