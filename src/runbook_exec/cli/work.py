"""plan, run, resume: the commands that look at and change the world."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from runbook_exec.catalogue import said_in
from runbook_exec.cli import asking, options
from runbook_exec.cli.checklist import Checklist, Lines, Live
from runbook_exec.cli.consent import consents
from runbook_exec.cli.words import say
from runbook_exec.errors import EXIT_IN_DOUBT, EXIT_WAITING, Invalid, Refused
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


@contextmanager
def watching(app: Any, parsed: Any, given: dict[str, Any], *, rehearse: bool) -> Iterator[None]:
    """Show the run while it happens; the first Ctrl-C stops it after the step in flight."""
    desk, lock = app.desk, threading.Lock()
    live = Live(parsed, desk.language) if options.in_terminal() and not given["as_json"] else None
    shown = live or (None if given["as_json"] else Lines(parsed, desk.language))

    def put(question: Any) -> Any:
        if rehearse:
            return asking.rehearsed(question)
        if not options.in_terminal() or shown is None:
            return None
        with lock, shown.paused():
            return _asked(question, desk)

    desk.ask, desk.rehearses = put, rehearse
    desk.hold = options.held(given)
    if shown is not None:
        desk.watch, desk.say = shown.watch, shown.say
    with _stopping_gently(desk, shown or Lines(parsed, desk.language), _noted(desk)):
        if live is None:
            yield
            return
        with live:
            yield


def _asked(question: Any, desk: Any) -> Any:
    """The answer; Ctrl-C at the question means: not now, and stop."""
    main = threading.current_thread() is threading.main_thread()
    gentle = signal.signal(signal.SIGINT, signal.default_int_handler) if main else None
    try:
        return asking.ask(question, desk.who, desk.language)
    except (click.Abort, KeyboardInterrupt, EOFError):
        desk.stop.set()
        return None
    finally:
        if main:
            signal.signal(signal.SIGINT, gentle)


def _noted(desk: Any) -> Callable[[], str]:
    """Look on at the run, to be able to say which one it is."""
    shown, seen = desk.watch, [""]

    def watch(event: Any, run: Any) -> None:
        seen[0] = run.id
        shown(event, run)

    desk.watch = watch
    return lambda: seen[0]


@contextmanager
def _stopping_gently(desk: Any, shown: Checklist, run: Callable[[], str]) -> Iterator[None]:
    def asked(number: int, frame: Any) -> None:
        if desk.stop.is_set():
            raise KeyboardInterrupt
        desk.stop.set()
        shown.note(say(desk.language, "stopping"))

    def hung_up(number: int, frame: Any) -> None:
        """The terminal is gone: nothing more is written to it, and the step in flight is settled."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        desk.stop.set()

    handlers = {signal.SIGINT: asked, signal.SIGTERM: asked}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        handlers[signal.SIGHUP] = hung_up
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    except KeyboardInterrupt:
        click.echo(say(desk.language, "at once", run(), run()), err=True)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
