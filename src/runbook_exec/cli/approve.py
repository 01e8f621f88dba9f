"""approvals, approve, reject, withdraw, break-glass, after-review: deciding at gates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from runbook_exec.cli import options
from runbook_exec.visible import visible


def _said(text: object) -> str:
    """Anything from outside on one line, look-alikes and invisible characters spelled out."""
    return visible(str(text)).replace("\n", "‹line break›")


@click.command()
@options.environment
@options.language_option
@options.json_option
@click.option("--mine", is_flag=True, help="Only what waits for you.")
def approvals(*, mine: bool, as_json: bool, **given: Any) -> None:
    """List the gates that wait, for whom, and broken glass that nobody looked at yet.

    What waits for you stands first. Nothing is decided here.
    """
    from runbook_exec.debts import unreviewed
    from runbook_exec.pending import pending as waiting

    app = options.open_app(given)
    found = [p for p in waiting(app) if p.places or not mine]
    debts = unreviewed(app)
    if as_json:
        click.echo(
            json.dumps(
                {"gates": [_pending_json(p) for p in found], "glass": [_debt_json(d) for d in debts]},
                ensure_ascii=False,
                indent=2,
            )
        )
        return
    for pending in sorted(found, key=lambda p: not p.places):
        _print_pending(pending)
    for debt in debts:
        d = debt.decision
        click.echo(
            click.style("! ", fg="red") + f"{debt.run.id}  glass broken at {d.gate} by {_said(d.person)}"
        )
        click.echo(f"      {d.at[:16].replace('T', ' ')} UTC: {_said(d.reason)}")
        click.echo(f"      somebody else looks at it: runbook after-review {debt.run.id}")
    if not found and not debts:
        click.echo("Nothing waits for you." if mine else "No gate waits.")


def _print_pending(pending: Any) -> None:
    from runbook_exec.threshold import words_of

    view = pending.view
    run, wait = view.run, view.run.waits[view.gate]
    mark = click.style("▸", fg="yellow", bold=True) if pending.places else " "
    click.echo(
        f"{mark} {run.id}  {_said(run.started.get('runbook', ''))}  {view.gate}"
        f"  about {_said(run.started.get('subject', ''))}, asked for by {_said(run.started.get('requester', ''))}"
    )
    until = getattr(view.state, "until", None)
    shut = f"; shut for good after {until:%Y-%m-%d %H:%M} UTC" if until else ""
    click.echo(f"      since {wait.since[:16].replace('T', ' ')} UTC: {_said(words_of(view.state))}{shut}")
    if pending.escalated:
        click.echo(click.style("      has waited long: " + _escalated_to(view), fg="red"))
    if pending.places:
        own = pending.places[0] if len(pending.places) == 1 else ""
        person = view.people.humans.get(own)
        acts = "" if person is None or _is_me(view, own) else f" --for {own}"
        click.echo(f"      you may decide: runbook approve {run.id} {view.gate}{acts}")


def _escalated_to(view: Any) -> str:
    from runbook_exec.gate import words

    return f"{_said(words(view.rule.escalate.to))} is to know"


def _is_me(view: Any, person: str) -> bool:
    from runbook_exec.desk import person as who

    found = view.people.of_account(who())
    return found is not None and found.id == person


def _pending_json(pending: Any) -> dict[str, Any]:
    from runbook_exec.gate import Waiting
    from runbook_exec.threshold import words_of

    view = pending.view
    return {
        "run": view.run.id,
        "gate": view.gate,
        "runbook": view.run.started.get("runbook"),
        "subject": view.run.started.get("subject"),
        "requester": view.run.started.get("requester"),
        "plan": view.facts.digest,
        "since": view.run.waits[view.gate].since,
        "until": view.state.until.isoformat() if getattr(view.state, "until", None) else None,
        "state": type(view.state).__name__.lower(),
        "says": words_of(view.state),
        "may": [p.id for p in view.state.may] if isinstance(view.state, Waiting) else [],
        "your_places": list(pending.places),
        "escalated": pending.escalated,
    }


def _debt_json(debt: Any) -> dict[str, Any]:
    d = debt.decision
    return {"run": debt.run.id, "gate": d.gate, "by": d.person, "at": d.at, "reason": d.reason}


def _word_options(command: Any) -> Any:
    for option in (
        click.option("--reason", help="Kept in the record, with your name; asked for if left out."),
        click.option(
            "--key", type=click.Path(dir_okay=False), metavar="FILE", help="Your SSH key; else your agent's."
        ),
        click.option(
            "--digest",
            metavar="DIGEST",
            help="The plan you looked at (12 characters or more); needed without a terminal.",
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
    from runbook_exec.gate import Verdict

    return decided(Verdict.APPROVE, "Agree to exactly this?", given)


@click.command()
@_word_options
@_place
def reject(**given: Any) -> int:
    """Say no. One no keeps the gate shut, whoever else agrees."""
    from runbook_exec.gate import Verdict

    return decided(Verdict.REJECT, "Reject this?", given)


@click.command("break-glass")
@_word_options
def break_glass(**given: Any) -> int:
    """Open a gate alone in an emergency, for an hour at most.

    Needs the permission break_glass in the people file. It is told at once, and nobody
    breaks glass again before somebody else has looked at this one.
    """
    from runbook_exec.gate import Verdict

    return decided(Verdict.BREAK_GLASS, "Break the glass?", given)


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
    from runbook_exec.errors import Refused
    from runbook_exec.gate import Verdict
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
    _told("taken back", view, as_json=as_json)
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
    from runbook_exec.gate import Verdict
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
    reason = given["reason"] or (click.prompt("Why") if options.in_terminal() else "")
    if options.in_terminal() and not given["digest"] and not played:
        click.confirm(question, default=False, abort=True)
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
    _told(
        {"approve": "you agreed", "reject": "you rejected it"}.get(verdict.value, "the glass is broken"),
        after,
        as_json=given["as_json"],
    )
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
    if named and (len(named) < 12 or not digest.startswith(named)):
        raise Refused(
            f"the plan is {digest[:12]}, not {named}",
            next_move="look at it again before you decide; name 12 characters or more",
        )
    if not named and not options.in_terminal():
        raise Refused(
            "nobody is at the terminal to look at the plan",
            next_move=f"look at it, then name it: --digest {digest[:12]} --reason TEXT",
        )


def page(app: Any, view: Any) -> Iterator[str]:
    """Everything that a decision is about; the digest that is signed covers all of it."""
    from runbook_exec.gate import words
    from runbook_exec.gatehouse import covered
    from runbook_exec.past import runbook_of
    from runbook_exec.plan_text import plan_text
    from runbook_exec.sheet import kept_plan
    from runbook_exec.threshold import words_of

    run, started = view.run, view.run.started
    plan = kept_plan(run, runbook_of(run), covered(run, view.gate))
    yield plan_text(plan, language=app.desk.language, colour=options.in_terminal(), whole=True)
    yield ""
    yield click.style(f"Gate {view.gate} of run {run.id}", bold=True)
    yield f"  asked for by {_said(started.get('requester', ''))}, ticket {_said(started.get('ticket') or '–')}"
    yield f"  inputs: {_said(json.dumps(started.get('inputs', {}), ensure_ascii=False))}"
    yield f"  opens with {_said(words(view.rule.rule))}; now: {_said(words_of(view.state))}"
    editor = started.get("editor") or {}
    if editor.get("note"):
        yield f"  {_said(editor['note'])}"
    yield from _earlier(app, view)


def _earlier(app: Any, view: Any) -> Iterator[str]:
    """What was decided so far, and why a decision does not count."""
    from runbook_exec import gate as gates

    house = app.gatehouse(view.run.started["environment"])
    back = gates.taken_back(view.run.decisions)
    for d in view.run.decisions:
        if d.gate != view.gate or d.verdict in {gates.Verdict.WITHDRAW, gates.Verdict.REVIEW}:
            continue
        void = (
            (f"taken back: {back[d.seq]}" if d.seq in back else "")
            or gates.why_not(d, view.people, view.facts, house.clock())
            or house.unproven(view.run, d, view.people)
        )
        acted = f" for {_said(d.delegated_for)}" if d.delegated_for else ""
        line = f"  {d.at[:16].replace('T', ' ')} UTC {_said(d.person)}{acted}: {d.verdict.value} ({_said(d.way)}), {_said(d.reason)}"
        yield line + (click.style(f"  – void: {_said(void)}", fg="red") if void else "")
        if d.digest != view.facts.digest:
            yield from (f"      {_said(each)}" for each in _since(app, view, d))


def _since(app: Any, view: Any, decision: Any) -> Iterator[str]:
    """How the plan that a void decision was about differs from the present one."""
    from runbook_exec.gatehouse import covered, covered_lines
    from runbook_exec.sheet import differences

    old: list[Any] = next(
        (
            e.body["lines"]
            for e in app.store.events(view.run.id)
            if e.body.get("digest") == decision.digest and "lines" in e.body
        ),
        [],
    )
    yield from differences(covered_lines(old, view.gate), covered(view.run, view.gate))


def _sound(app: Any, view: Any) -> None:
    from runbook_exec import decisions
    from runbook_exec.alarm import alarm

    broken = view.run.decisions[-1]
    told = list(alarm(app, view.run, broken, view.people))
    for way in told:
        click.echo(
            f"  {'told' if way['ok'] else 'NOT told'}: {_said(way['how'])} {_said(way['what'])}", err=True
        )
    if not any(way["ok"] for way in told):
        click.echo(
            click.style("  Nobody could be told by ticket or mail: tell your team now.", fg="red"), err=True
        )
    decisions.note_alert(app, view.run.id, {"gate": view.gate, "broken": broken.seq, "ways": told})


def _told(what: str, view: Any, *, as_json: bool) -> None:
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
    click.echo(f"recorded: {what}; the gate {view.gate} is now: {_said(words_of(view.state))}")
    if isinstance(view.state, Open):
        click.echo(f"  next: runbook resume {view.run.id}")


def _path(key: str | None) -> Path | None:
    return Path(key).expanduser() if key else None
