"""approvals: what waits at gates, and for whom. Decides nothing."""

from __future__ import annotations

import json
from typing import Any

import click

from runbook_exec.cli import options
from runbook_exec.cli.approval_page import said


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
            click.style("! ", fg="red") + f"{debt.run.id}  glass broken at {d.gate} by {said(d.person)}"
        )
        click.echo(f"      {d.at[:16].replace('T', ' ')} UTC: {said(d.reason)}")
        click.echo(f"      somebody else looks at it: runbook after-review {debt.run.id}")
    if not found and not debts:
        click.echo("Nothing waits for you." if mine else "No gate waits.")


def _print_pending(pending: Any) -> None:
    from runbook_exec.threshold import words_of

    view = pending.view
    run, wait = view.run, view.run.waits[view.gate]
    mark = click.style("▸", fg="yellow", bold=True) if pending.places else " "
    click.echo(
        f"{mark} {run.id}  {said(run.started.get('runbook', ''))}  {view.gate}"
        f"  about {said(run.started.get('subject', ''))}, asked for by {said(run.started.get('requester', ''))}"
    )
    until = getattr(view.state, "until", None)
    shut = f"; shut for good after {until:%Y-%m-%d %H:%M} UTC" if until else ""
    click.echo(f"      since {wait.since[:16].replace('T', ' ')} UTC: {said(words_of(view.state))}{shut}")
    if pending.escalated:
        click.echo(click.style("      has waited long: " + _escalated_to(view), fg="red"))
    if pending.places:
        own = pending.places[0] if len(pending.places) == 1 else ""
        person = view.people.humans.get(own)
        acts = "" if person is None or _is_me(view, own) else f" --for {own}"
        click.echo(f"      you may decide: runbook approve {run.id} {view.gate}{acts}")


def _escalated_to(view: Any) -> str:
    from runbook_exec.slots import words

    return f"{said(words(view.rule.escalate.to))} is to know"


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
