"""approve, reject, withdraw, break-glass, after-review: deciding at gates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from runbook_exec.cli import options
from runbook_exec.cli.approval_page import page, said
from runbook_exec.cli.consent import consents
from runbook_exec.cli.words import say

LEAST_NAMED = 32
"""Characters of a digest: fewer could be met by another plan on purpose."""


def _word_options(command: Any) -> Any:
    for option in (
        click.option("--reason", help="Kept in the record, with your name; asked for if left out."),
        click.option(
            "--key", type=click.Path(dir_okay=False), metavar="FILE", help="Your SSH key; else your agent's."
        ),
        click.option(
            "--digest",
            metavar="DIGEST",
            help="The plan that you looked at; needed without a terminal.",
        ),
        options.environment,
        options.language_option,
        options.json_option,
    ):
        command = option(command)
    return click.argument("run_id", metavar="RUN")(
        click.argument("gate", required=False, default="")(command)
    )


_place = click.option(
    "--for", "place", default="", metavar="PERSON", help="In whose place you decide (a delegation)."
)


@click.command()
@_word_options
@_place
def approve(**given: Any) -> int:
    """Agree to exactly what is shown: the lines of the plan behind a gate.

    You are whoever started this command, by the operating system. Your word is for this
    plan alone; if it changes, you are asked again. Signed with your SSH key where you have one.

    \b
      runbook approvals
      runbook approve k7f3m --reason "agreed with Ms Reuter on the phone"
    """
    from runbook_exec.decision import Verdict

    return decided(Verdict.APPROVE, "agree gate", given)


@click.command()
@_word_options
@_place
def reject(**given: Any) -> int:
    """Say no. One no keeps the gate shut, whoever else agrees."""
    from runbook_exec.decision import Verdict

    return decided(Verdict.REJECT, "reject gate", given)


@click.command("break-glass")
@_word_options
def break_glass(**given: Any) -> int:
    """Open a gate alone in an emergency, for an hour at most.

    Needs the permission break_glass in the people file. It is told at once, and nobody
    breaks glass again before somebody else has looked at this one.
    """
    from runbook_exec.decision import Verdict

    return decided(Verdict.BREAK_GLASS, "break gate", given)


@click.command()
@click.argument("run_id", metavar="RUN")
@click.argument("gate", required=False, default="")
@click.option("--reason", prompt="Why", help="Kept in the record, with your name.")
@click.option(
    "--key", type=click.Path(dir_okay=False), metavar="FILE", help="Your SSH key; else your agent's."
)
@options.environment
@options.json_option
def withdraw(
    run_id: str, gate: str, reason: str, key: str | None, *, as_json: bool, environment: str | None
) -> int:
    """Take your word at a gate back. It counts no more from the next write on."""
    from runbook_exec import decisions
    from runbook_exec import gate as gates
    from runbook_exec.decision import Verdict
    from runbook_exec.errors import Refused
    from runbook_exec.proof import Word

    app = options.open_app({"environment": environment})
    view = decisions.look(app, app.find(run_id), gate)
    me = decisions.speaker(app, view.people)
    back = gates.taken_back(view.run.decisions)
    mine = [
        d
        for d in view.run.decisions
        if d.person == me.id
        and d.gate == view.gate
        and d.digest == view.facts.digest
        and d.seq not in back
        and d.verdict in {Verdict.APPROVE, Verdict.REJECT, Verdict.BREAK_GLASS}
    ]
    if not mine:
        raise Refused("you said nothing here that you could take back", next_move="`runbook approvals`")
    for decision in mine:
        word = Word(verdict=Verdict.WITHDRAW, reason=reason, about=decision.seq, key=_path(key))
        view = decisions.say(app, view, word)
    spoken = app.desk.language
    _told(say(spoken, "gate said withdraw"), view, spoken, as_json=as_json)
    return 0


@click.command("after-review")
@click.argument("run_id", metavar="RUN")
@click.option("--reason", "finding", prompt="What you found", help="Kept in the record, with your name.")
@click.option(
    "--key", type=click.Path(dir_okay=False), metavar="FILE", help="Your SSH key; else your agent's."
)
@options.environment
def after_review(run_id: str, finding: str, key: str | None, environment: str | None) -> None:
    """Look at glass that somebody else broke, and say what you found."""
    from runbook_exec import decisions
    from runbook_exec.debts import unreviewed
    from runbook_exec.errors import Refused

    app = options.open_app({"environment": environment})
    found = app.find(run_id)
    debts = [d for d in unreviewed(app) if d.run.id == found]
    if not debts:
        raise Refused(f"no glass waits to be looked at in run {found}", next_move="`runbook approvals`")
    for debt in debts:
        decisions.review(app, debt, finding, _path(key))
    click.echo(f"recorded: you looked at the broken glass of run {found}")


def decided(verdict: Any, question: str, given: dict[str, Any], played: str = "") -> int:
    """Show the gate, ask, and put the word on the record. `played`: see `runbook sandbox decide`."""
    from runbook_exec import decisions
    from runbook_exec.decision import Verdict
    from runbook_exec.proof import Word

    app = options.open_app(given)
    view = decisions.look(app, app.find(given["run_id"]), given["gate"])
    if not played:
        decisions.speaker(app, view.people)
    if not given["as_json"]:
        for line in page(app, view):
            click.echo(line)
    if not played:
        _seen(view, given)
    reason = given["reason"] or (
        click.prompt(say(app.desk.language, "gate why")) if options.in_terminal() else ""
    )
    asks, language = options.in_terminal() and not given["digest"] and not played, app.desk.language
    if asks and not consents(say(language, question), language, enter_is_no=True):
        raise click.Abort
    word = Word(
        verdict=verdict,
        reason=reason,
        place=_placed(view, given.get("place", "")),
        key=_path(given["key"]),
        played=played,
    )
    after = decisions.say(app, view, word)
    if verdict is Verdict.BREAK_GLASS:
        _sound(app, after)
    who = played or say(language, "gate you")
    _told(say(language, f"gate said {verdict.value}", who), after, language, as_json=given["as_json"])
    return 0


def _placed(view: Any, place: str) -> str:
    from runbook_exec.errors import Refused

    if not place:
        return ""
    found = view.people.find(place)
    if found is None:
        raise Refused(f"{place!r} is nobody here", next_move="see the people file")
    return str(found.id)


def _seen(view: Any, given: dict[str, Any]) -> None:
    """Without a terminal nobody was shown anything, so the plan has to be named."""
    from runbook_exec.errors import Refused

    named, digest = given["digest"], view.facts.digest
    if named and (len(named) < LEAST_NAMED or not digest.startswith(named)):
        raise Refused(
            f"the plan is {digest[:12]}, not {named}",
            next_move="look at it again before you decide, and name all of it",
        )
    if not named and not options.in_terminal():
        raise Refused(
            "nobody is at the terminal to look at the plan",
            next_move=f"look at it, then name it: --digest {digest} --reason TEXT",
        )


def _sound(app: Any, view: Any) -> None:
    from runbook_exec import decisions
    from runbook_exec.alarm import alarm

    broken, spoken = view.run.decisions[-1], app.desk.language
    told = list(alarm(app, view.run, broken, view.people))
    for way in told:
        click.echo(
            f"  {say(spoken, 'gate told' if way['ok'] else 'gate not told')}: {said(way['how'])} {said(way['what'])}",
            err=True,
        )
    if not any(way["ok"] for way in told):
        click.echo(click.style(say(spoken, "gate nobody told"), fg="red"), err=True)
    decisions.note_alert(app, view.run.id, {"gate": view.gate, "broken": broken.seq, "ways": told})


def _told(what: str, view: Any, language: str, *, as_json: bool) -> None:
    from runbook_exec.gate import Open
    from runbook_exec.threshold import words_of

    if as_json:
        told = {
            "run": view.run.id,
            "gate": view.gate,
            "plan": view.facts.digest,
            "state": type(view.state).__name__.lower(),
            "says": words_of(view.state),
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    click.echo(say(language, "gate recorded", what, view.gate, said(words_of(view.state, language))))
    if isinstance(view.state, Open):
        click.echo(say(language, "next", f"runbook resume {view.run.id}"))


def _path(key: str | None) -> Path | None:
    return Path(key).expanduser() if key else None
