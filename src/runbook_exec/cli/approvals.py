"""approvals: what waits at gates, and for whom. Decides nothing."""

from __future__ import annotations

import json
from typing import Any

import click

from runbook_exec.cli import options
from runbook_exec.cli.approval_page import said
from runbook_exec.cli.words import say


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
        _print_pending(pending, app.desk.language)
    spoken = app.desk.language
    for debt in debts:
        d = debt.decision
        click.echo(
            click.style("! ", fg="red") + say(spoken, "gate glass", debt.run.id, d.gate, said(d.person))
        )
        click.echo(f"      {d.at[:16].replace('T', ' ')} UTC: {said(d.reason)}")
        click.echo(say(spoken, "gate look", debt.run.id))
    if not found and not debts:
        click.echo(say(spoken, "gate none mine" if mine else "gate none"))


def _print_pending(pending: Any, spoken: str) -> None:
    from runbook_exec.slots import words
    from runbook_exec.threshold import words_of

    view = pending.view
    run, wait = view.run, view.run.waits[view.gate]
    mark = click.style("▸", fg="yellow", bold=True) if pending.places else " "
    click.echo(
        f"{mark} {run.id}  {said(run.started.get('runbook', ''))}  {view.gate}"
        + say(
            spoken, "gate about", said(run.started.get("subject", "")), said(run.started.get("requester", ""))
        )
    )
    until = getattr(view.state, "until", None)
    shut = say(spoken, "gate shut", f"{until:%Y-%m-%d %H:%M}") if until else ""
    state = said(words_of(view.state, spoken))
    click.echo(say(spoken, "gate since", wait.since[:16].replace("T", " "), state) + shut)
    if pending.escalated:
        told = said(words(view.rule.escalate.to, spoken))
        click.echo(click.style(say(spoken, "gate long", told), fg="red"))
    if pending.places:
        own = pending.places[0] if len(pending.places) == 1 else ""
        person = view.people.humans.get(own)
        acts = "" if person is None or _is_me(view, own) else f" --for {own}"
        click.echo(say(spoken, "gate you may", f"runbook approve {run.id} {view.gate}{acts}"))


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
