"""plan, run, resume: the commands that look at and change the world."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from runbook_exec.catalogue import said_in
from runbook_exec.cli import asking, options
from runbook_exec.cli.consent import consents
from runbook_exec.cli.ending import told
from runbook_exec.cli.watching import watching
from runbook_exec.cli.words import say
from runbook_exec.errors import Invalid, Refused
from runbook_exec.visible import visible


def _plan_options(command: Any) -> Any:
    for option in (
        options.environment,
        options.ticket,
        options.language_option,
        options.json_option,
        click.option(
            "--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write the plan as a page."
        ),
        click.option(
            "--seen-to",
            default="",
            metavar="RUN",
            help="An earlier run: what it left half done has been seen to by hand. Recorded with your name.",
        ),
        click.option("--brief", is_flag=True, help="Only the sentences, without the technical differences."),
    ):
        command = option(command)
    return options.inputs_options(click.argument("runbook")(command))


@click.command()
@_plan_options
def plan(runbook: str, **given: Any) -> int:
    """Show exactly what a run would change. Writes nothing, anywhere.

    Every line says how sure it is: read and computed, reported by the tool's own check,
    known only once an earlier step is done, or impossible to read back.

    \b
      runbook plan onboard-employee --inputs runbooks/examples/anna-berg.yaml
      runbook plan onboard-employee -i person.surname=Berg … --json | jq .digest
    """
    app, parsed = _opened(runbook, given)
    values = _inputs(app, parsed, given)
    with reading(app):
        made = app.plan(parsed, values, ticket=given["ticket"], seen_to=_seen_to(app, given))
    show(made, app, given)
    return Refused.exit_code if made.refusals else 0


@click.command()
@_plan_options
@click.option("--dry-run", is_flag=True, help="The same as `runbook plan`.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before writing.")
@click.option("--rehearse", is_flag=True, help="Sandbox only: human items confirm themselves.")
@options.hold
@click.pass_context
def run(
    ctx: click.Context, /, runbook: str, *, dry_run: bool, yes: bool, rehearse: bool, **given: Any
) -> int:
    """Plan, show the plan, and do it.

    The run is recorded before, during and after each step. If it stops, it says what was
    done, what was not, and the command that goes on.

    \b
      runbook run onboard-employee --inputs runbooks/examples/anna-berg.yaml
    """
    if dry_run:
        return int(ctx.invoke(plan, runbook=runbook, **given))
    from runbook_exec import conduct
    from runbook_exec.app import new_run_id

    app, parsed = _opened(runbook, given)
    if rehearse and not app.environment.is_sandbox:
        raise Invalid(
            "--rehearse is for the sandbox",
            where=f"environment {app.environment.name!r}",
            next_move="leave it out",
        )
    values = _inputs(app, parsed, given)
    run_id = new_run_id()
    seen_to = _seen_to(app, given)
    with reading(app):
        made = app.plan(parsed, values, ticket=given["ticket"], run=run_id, seen_to=seen_to)
    if not given["as_json"]:
        show(made, app, given)
    if made.refusals:
        raise Refused(
            say(
                app.desk.language,
                "refused",
                "; ".join(said_in(each, app.desk.language) for each in made.refusals),
            ),
            where=parsed.file,
            next_move=say(app.desk.language, "refused next"),
        )
    if made.is_empty:
        _nothing(made, app.desk.language, given)
        return 0
    if not yes and (app.environment.ask_before_writing or rehearsed_by_hand(app, given, rehearse=rehearse)):
        agreed(made.changes, app.environment.name, app.desk.language)
    with watching(app, parsed, given, rehearse=rehearse):
        ended = conduct.start(app, made, run=run_id, ticket=given["ticket"], seen_to=seen_to)
    return told(ended, parsed, given, app.desk.language)


@click.command()
@click.argument("run_id", metavar="[RUN]", required=False)
@options.inputs_options
@options.environment
@options.language_option
@options.json_option
@click.option("--replan", is_flag=True, help="Make and show a new plan for what is left.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before going on.")
@click.option("--rehearse", is_flag=True, help="Sandbox only: human items confirm themselves.")
@click.option("--due", is_flag=True, help="Every run whose time has come, one look each; for cron.")
@options.hold
def resume(run_id: str | None, *, replan: bool, yes: bool, rehearse: bool, due: bool, **given: Any) -> int:
    """Go on with a run that stopped or waits, or with all whose time has come. What is done stays done.

    RUN may be cut short as long as it stays unique. Secret inputs are never kept: give
    them again with --inputs where a step that is left needs them. Other inputs stay as
    they were when the run began.

    A run that waits for a far side, a time or a gate is no process. With --due, each one
    whose time has come goes on, in its own environment; one line a run. The exit code is 5
    where one of them is in trouble.

    \b
      runbook resume 261124-k7f3m --hold 10m
      runbook resume --due
    """
    if due == (run_id is not None) or (due and (replan or rehearse)):
        raise click.UsageError("name one RUN, or --due by itself")
    if run_id is None:
        from runbook_exec.cli.due import round_told

        return round_told(given)
    return go_on(run_id, given, replan=replan, yes=yes, rehearse=rehearse)


def go_on(
    run_id: str, given: dict[str, Any], *, replan: bool, yes: bool, rehearse: bool, due: str = ""
) -> int:
    """Go on with a run, and with the deferred step `due`; its exit code."""
    from runbook_exec import conduct, inputs
    from runbook_exec.past import runbook_of

    app = options.open_app(given)
    found = app.find(run_id)
    seen = app.run(found)
    if given["environment"] is None and seen.started["environment"] != app.environment.name:
        app = options.open_app({**given, "environment": seen.started["environment"]})
    if rehearse and not app.environment.is_sandbox:
        raise Invalid("--rehearse is for the sandbox", next_move="leave it out")
    parsed = runbook_of(seen)
    values = asking.from_file(given["file"], parsed.inputs) if given["file"] else {}
    values = inputs.merged(values, inputs.from_pairs(given["pairs"], parsed.inputs))

    if not given["as_json"]:
        _lost_secrets(parsed, seen, app.desk.language, ask=not (yes or rehearse))

    def agree(made: Any) -> bool:
        if not given["as_json"]:
            show(made, app, {**given, "html": None, "brief": False})
        return yes or consents(say(app.desk.language, "agree new"), app.desk.language, enter_is_no=True)

    with watching(app, parsed, given, rehearse=rehearse):
        ended = conduct.resume(app, found, values=values, agree=agree if replan else None, due=due)
    return told(ended, parsed, given, app.desk.language)


def _inputs(app: Any, parsed: Any, given: dict[str, Any]) -> dict[str, Any]:
    return asking.collect(parsed.inputs, given["pairs"], given["file"], language=app.desk.language)


def _seen_to(app: Any, given: dict[str, Any]) -> str:
    return str(app.find(given["seen_to"])) if given["seen_to"] else ""


@contextmanager
def reading(app: Any) -> Iterator[None]:
    """Tell a person at a terminal what takes so long; the line is gone afterwards."""
    if not sys.stderr.isatty():
        yield
        return
    click.echo(click.style(say(app.desk.language, "reading"), dim=True), err=True, nl=False)
    try:
        yield
    finally:
        click.echo("\r\x1b[K", err=True, nl=False)


def _opened(name: str, given: dict[str, Any]) -> tuple[Any, Any]:
    app = options.open_app(given)
    return app, app.load(name)


def show(made: Any, app: Any, given: dict[str, Any]) -> None:
    """The plan, as the options want it: text, JSON, or a page as well."""
    if given.get("html"):
        from runbook_exec.plan_html import plan_html

        Path(given["html"]).write_text(plan_html(made, language=app.desk.language), encoding="utf-8")
        click.echo(f"plan written to {given['html']}", err=True)
    if given.get("as_json"):
        from runbook_exec.plan_json import plan_json

        click.echo(json.dumps(plan_json(made), ensure_ascii=False, indent=2))
        return
    from runbook_exec.plan_text import plan_text

    colour = options.in_terminal()
    width = shutil.get_terminal_size((100, 24)).columns if colour else 100
    click.echo(
        plan_text(
            made, language=app.desk.language, colour=colour, brief=bool(given.get("brief")), width=width
        ),
        color=colour or None,
    )


def _nothing(made: Any, language: str, given: dict[str, Any]) -> None:
    if given["as_json"]:
        click.echo(json.dumps({"status": "nothing to change", "plan": made.digest}))
        return
    click.echo(say(language, "nothing"))


def agreed(changes: int, environment: str, language: str = "en") -> None:
    """Ask whether to write; without a person to ask it is refused."""
    if not options.in_terminal():
        raise Refused(
            f"the environment {environment!r} asks before it writes, and nobody is at the terminal",
            next_move="add --yes if this plan may be carried out",
        )
    if not consents(say(language, "agree", changes, environment), language, enter_is_no=True):
        click.echo(say(language, "not begun"))
        raise click.Abort


def rehearsed_by_hand(app: Any, given: dict[str, Any], *, rehearse: bool) -> bool:
    """In the sandbox a person at a terminal is asked as they would be in earnest; a script is not."""
    by_hand = options.in_terminal() and not given["as_json"] and not rehearse
    return bool(app.environment.is_sandbox) and by_hand


def _lost_secrets(parsed: Any, run: Any, language: str, *, ask: bool) -> None:
    """Tell which steps are done again for a new secret, and ask where the lost one may be in use."""
    from runbook_exec import recover, report

    again = recover.to_reopen(parsed, run)
    if not again:
        return
    titles = {step.id: report.titled(step.title, language) for step in parsed.steps()}
    click.echo(say(language, "made anew"))
    for label in again:
        click.echo(f"  ↻ {visible(titles[label.partition('[')[0]])}")
    if ask and options.in_terminal() and recover.may_be_handed_over(parsed, run):
        click.echo(say(language, "may be in use"))
        if not consents(say(language, "anew"), language, enter_is_no=True):
            click.echo(say(language, "as it was", run.id))
            for label in recover.unsettled(parsed, run):
                click.echo(say(language, "handed over", run.id, label))
            raise click.Abort
