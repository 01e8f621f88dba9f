"""take, note, confirm: people who work on the same run, one after the other or side by side."""

from __future__ import annotations

import json
from typing import Any

import click

from runbook_exec.cli import options
from runbook_exec.cli.consent import consents
from runbook_exec.cli.words import say
from runbook_exec.visible import visible


@click.command()
@click.argument("run_id", metavar="RUN")
@options.environment
@options.language_option
@options.json_option
def take(run_id: str, *, as_json: bool, **given: Any) -> None:
    """Take a run over from whoever had it, and see where it stands.

    Shows what waits, what is in doubt, what is next, open deferrals, notes and the last events. The record tells
    from now on that it is yours; nothing else changes. Where it is yours already, it only shows.
    """
    from runbook_exec import handover

    app = options.open_app(given)
    found = app.find(run_id)
    before = app.run(found).holder
    seen = handover.take(app, found)
    if as_json:
        click.echo(json.dumps(_json(seen), ensure_ascii=False, indent=2))
        return
    _shown(app, seen, before)


@click.command()
@click.argument("run_id", metavar="RUN")
@click.argument("text", nargs=-1, required=True)
@options.environment
def note(run_id: str, text: tuple[str, ...], environment: str | None) -> None:
    """Leave a remark on a run for whoever comes next. It is kept; write no secrets.

    \b
      runbook note k7f3m "Ms Reuter calls back at ten"
    """
    from runbook_exec import handover

    app = options.open_app({"environment": environment})
    found = app.find(run_id)
    handover.note(app, found, " ".join(text))
    click.echo(f"noted on run {found}")


@click.command()
@click.argument("run_id", metavar="RUN")
@click.argument("step", required=False, default="")
@click.option("--remark", default="", help="Kept in the record, with your name.")
@click.option("--answer", metavar="TEXT", help="What you answer, where the item asks for it.")
@click.option("--as", "played", default="", metavar="PERSON", help="Rehearsal company only: whom you play.")
@click.option("-y", "--yes", is_flag=True, help="It is so; do not ask. For scripts.")
@options.environment
@options.language_option
def confirm(
    run_id: str, step: str, *, remark: str, answer: str | None, played: str, yes: bool, **given: Any
) -> int:
    """Confirm an item at which a run waits, from any terminal.

    Without STEP everything that waits is asked for, one by one. You are whoever started this
    command. A challenge takes two different humans, whatever accounts they have.
    """
    from runbook_exec import confirmation
    from runbook_exec.errors import EXIT_WAITING, Refused

    app = options.open_app(given)
    language, found = app.desk.language, app.find(run_id)
    left = 0
    for item in confirmation.look(app, found, step):
        _show(item)
        asked = item.answer is not None
        if not options.in_terminal() and (answer is None if asked else not yes):
            raise Refused(
                "nobody is at the terminal to say so",
                next_move=f"at a terminal: runbook confirm {found} {item.label}; "
                f"a script adds {'--answer TEXT' if asked else '--yes'}",
            )
        said = _said(item, app.desk, answer, yes=yes)
        if said is None:
            left += 1
            continue
        run = confirmation.confirm(app, found, item, text=remark, answer=said.value, played=played)
        missing = confirmation.missing(app, run, item)
        left += missing > 0
        click.echo(say(language, "recorded word") + (say(language, "one more") if missing else ""))
    if not left:
        click.echo(say(language, "next", f"runbook resume {found}"))
    return EXIT_WAITING if left else 0


def _said(item: Any, desk: Any, answer: str | None, *, yes: bool) -> Any:
    """What the person says to an item that was shown; None where they do not confirm it."""
    from runbook_exec import inputs
    from runbook_exec.action import Answer, Question
    from runbook_exec.cli.asking import answered

    language = desk.language
    if item.answer is not None and answer is not None:
        return Answer(who=desk.who, value=inputs.typed(answer.strip(), item.answer))
    if item.answer is not None:
        question = Question(title=item.title, answer=item.answer, expect=item.expect)
        return answered(question, desk.who, language)
    points = (*(f"  {visible(point)}" for point in item.items), say(language, "is so"))
    if yes or all(consents(asked, language) for asked in points):
        return Answer(who=desk.who)
    click.echo(say(language, "not confirmed"))
    return None


def _show(item: Any) -> None:
    click.echo(click.style(f"▢ {visible(item.title)}", bold=True))
    if item.says:
        click.echo(f"  → {visible(item.says)}")
    if item.text:
        click.echo(visible(item.text))


def _shown(app: Any, seen: Any, before: str) -> None:
    from runbook_exec.cli.checklist import COLOURS
    from runbook_exec.cli.history import line, show_late
    from runbook_exec.cli.standing import gate_says, gates_now, next_now, why_now
    from runbook_exec.report import MARKS

    run, language = seen.run, app.desk.language
    at_gates = gates_now(app, run)
    stands = say(language, "status interrupted" if seen.interrupted else f"status {run.status.value}")
    about = visible(f"{run.started['runbook']} · {run.started['subject']}".rstrip(" ·"))
    click.echo(click.style(f"{run.id}  {about}: {stands}", bold=True))
    had = "" if before == run.holder else say(language, "had it", visible(before))
    click.echo(say(language, "has it", visible(run.holder)) + had)
    if run.why:
        click.echo(f"  {visible(why_now(run, at_gates, language))}")
    parts = {
        "in doubt now": seen.doubtful,
        "waits now": seen.waits,
        "put off yet": seen.put_off,
        "comes next": seen.next,
    }
    for key, found in parts.items():
        if found:
            click.echo(say(language, key))
        for row in found:
            mark = click.style(MARKS[row.status], fg=COLOURS.get(row.status))
            told = gate_says(row, at_gates, language)
            says = f" – {visible(told)}" if told else ""
            click.echo(f"    {mark} {visible(row.title)} ({row.step}){says}")
    show_late(seen.late, language)
    if run.notes:
        click.echo(say(language, "notes"))
    for remark in run.notes:
        click.echo(
            f"    {remark.at[:16].replace('T', ' ')} UTC {visible(remark.who)}: {visible(remark.text)}"
        )
    click.echo(say(language, "last events"))
    for event in seen.events:
        click.echo(f"  {visible(line(event))}")
    if run.is_over:
        click.echo(say(language, "story", run.id))
        return
    going_on = next_now(app, run, at_gates) or say(language, "goes on", f"runbook resume {run.id}")
    click.echo(say(language, "next", visible(going_on)))


def _json(seen: Any) -> dict[str, Any]:
    from runbook_exec.cli.history import late_json

    run = seen.run

    def told(rows: Any) -> list[dict[str, str]]:
        return [{"step": row.step, "title": row.title, "says": row.says} for row in rows]

    return {
        "run": run.id,
        "status": run.status.value,
        "interrupted": seen.interrupted,
        "holder": run.holder,
        "why": run.why,
        "next_move": run.next_move,
        "in_doubt": told(seen.doubtful),
        "waits": told(seen.waits),
        "put_off": told(seen.put_off),
        "next": told(seen.next),
        "late": late_json(seen.late),
        "notes": [{"at": n.at, "who": n.who, "text": n.text} for n in run.notes],
    }
