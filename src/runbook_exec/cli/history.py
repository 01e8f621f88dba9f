"""status, log: what happened, from the journal alone."""

from __future__ import annotations

import json
from typing import Any

import click

from runbook_exec.catalogue import said_in
from runbook_exec.cli import options
from runbook_exec.cli.anchor import show_failed
from runbook_exec.cli.standing import gate_says, gates_now, next_now, why_now
from runbook_exec.cli.words import say
from runbook_exec.sealing import ERASED, GONE
from runbook_exec.visible import visible


@click.command()
@click.argument("run_id", metavar="[RUN]", required=False)
@options.environment
@options.language_option
@options.json_option
@click.option("--limit", default=20, show_default=True, help="How many runs to list.")
@click.option("--mine", is_flag=True, help="Only runs that are not over and that you have in hand.")
def status(run_id: str | None, *, as_json: bool, limit: int, mine: bool, **given: Any) -> None:
    """Show the newest runs, or one run's checklist."""
    app = options.open_app(given)
    if run_id is None:
        _list(app, limit, as_json=as_json, mine=mine)
        if not as_json:
            click.echo(f"\n{covered(app)}")
            show_failed(app)
        return
    from runbook_exec.app import now
    from runbook_exec.deadline import late
    from runbook_exec.past import runbook_of

    run = app.run(app.find(run_id))
    runbook, interrupted = runbook_of(run), app.is_interrupted(run)
    lates = list(late(run, runbook, app.project.deadline, now()))
    if as_json:
        told = {**run_json(run, runbook), "interrupted": interrupted, "late": late_json(lates)}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    at_gates = gates_now(app, run)
    _checklist(run, runbook, app.desk.language, interrupted=interrupted, at_gates=at_gates)
    show_late(lates, app.desk.language)
    going_on = next_now(app, run, at_gates)
    if going_on:
        click.echo("\n" + say(app.desk.language, "next", visible(going_on)).strip())
    click.echo(f"\n{covered(app)}")
    show_failed(app)


def show_late(lates: Any, language: str) -> None:
    """What should be over, loud; what runs out, less so."""
    for found in lates:
        key = "late" if found.level == "caution" else "soon late"
        told = say(language, key, visible(found.label), f"{found.until:%Y-%m-%d %H:%M}")
        click.echo(click.style(told, fg="red", bold=True) if key == "late" else told)


def _list(app: Any, limit: int, *, as_json: bool, mine: bool) -> None:
    from runbook_exec.app import now
    from runbook_exec.deadline import Level, late
    from runbook_exec.past import runbook_of

    found = []
    for entry in app.runs(limit=limit):
        run = app.run(entry.run)
        lates = [] if run.is_over else list(late(run, runbook_of(run), app.project.deadline, now()))
        if mine and (run.is_over or run.holder != app.desk.who):
            continue
        found.append(
            {
                "run": run.id,
                "runbook": entry.runbook,
                "subject": run.started["subject"],
                "status": run.status.value,
                "interrupted": app.is_interrupted(run),
                "started": run.started_at,
                "by": run.started["requester"],
                "holder": run.holder,
                "late": late_json(lates),
                "why": run.why,
                "erased": run.erased,
            }
        )
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    language = app.desk.language
    if not found:
        click.echo(say(language, "no runs"))
    standing = [
        say(language, "status interrupted" if row["interrupted"] else f"status {row['status']}")
        for row in found
    ]
    width = max(map(len, standing), default=0)
    for row, stands in zip(found, standing, strict=True):
        click.echo(
            visible(
                f"{row['run']}  {stands:<{width}}  {row['runbook']:<20} {_about(row, language):<12} "
                f"{row['started'][:16].replace('T', ' ')} UTC  {row['by']}"
            )
        )
        if row["interrupted"]:
            click.echo(f"    {say(language, 'nobody works', row['run'])}")
        elif row["why"] and not row["erased"]:
            click.echo(f"    {visible(said_in(row['why'], language))}")
        for one in row["late"]:
            if one["level"] == Level.CAUTION:
                until = one["until"][:16].replace("T", " ")
                click.echo(click.style(f"    {say(language, 'late', visible(one['step']), until)}", fg="red"))


def covered(app: Any) -> str:
    """How far the record is signed and anchored, and what could still be altered unseen."""
    language, standing = app.desk.language, app.store.ledger.standing(app.project.client)
    newest = standing.newest
    if newest is None:
        return say(language, "box none")
    more = say(language, "box uncovered", standing.uncovered) if standing.uncovered else ""
    at = f"{newest.at[:16].replace('T', ' ')} UTC"
    if not standing.anchored:
        anchored = say(language, "box unanchored")
    elif standing.anchored == newest.number and not standing.uncovered:
        anchored = say(language, "box all anchored", f"{standing.anchored_at[:16].replace('T', ' ')} UTC")
    else:
        when = f"{standing.anchored_at[:16].replace('T', ' ')} UTC"
        anchored = say(language, "box anchored", standing.anchored, when)
    return say(language, "box", at, newest.number, more, anchored)


def _about(row: dict[str, Any], language: str) -> str:
    return say(language, "erased", row["erased"][:10]) if row["erased"] else str(row["subject"])


def _checklist(run: Any, runbook: Any, language: str, *, interrupted: bool, at_gates: dict[str, str]) -> None:
    from runbook_exec import report
    from runbook_exec.cli.checklist import COLOURS
    from runbook_exec.fidelity import kept

    stands = say(language, "status interrupted" if interrupted else f"status {run.status.value}")
    click.echo(f"{report.titled(runbook.title, language)} – {run.id}: {stands}")
    if interrupted:
        click.echo(f"  {say(language, 'nobody works', run.id)}")
    if run.erased:
        click.echo(f"  {say(language, 'erased run', run.erased[:10])}")
    elif run.why:
        click.echo(f"  {visible(why_now(run, at_gates, language))}")
    section = -1
    for row in report.rows(run, runbook, language):
        if row.section != section:
            section = row.section
            click.echo(
                "\n" + click.style(report.titled(runbook.sections[section].title, language), bold=True)
            )
        mark = click.style(report.MARKS[row.status], fg=COLOURS.get(row.status))
        told = gate_says(row, at_gates, language)
        says = f" – {visible(told)}" if told else ""
        click.echo(f"  {mark} {visible(row.title)}{says}")
    if run.fidelity:
        sentence, *defect = report.fidelity_words(kept(run.fidelity), language)
        click.echo(f"\n{report.WORDS[language]['fidelity']}: {sentence}")
        for told in defect:
            click.echo(click.style(f"! {told}", fg="red", bold=True))
    _overdue(run, language)


def _overdue(run: Any, language: str) -> None:
    """What was put off and is past its last day, loud."""
    from runbook_exec.app import now
    from runbook_exec.deferral import is_overdue

    for label, d in run.deferrals.items():
        if is_overdue(d, now()):
            told = f"! {visible(label)}: {say(language, 'overdue').strip()} ({d.until}, {visible(d.owner)})"
            click.echo(click.style(told, fg="red", bold=True))


@click.command()
@click.argument("run_id", metavar="RUN")
@options.environment
@options.language_option
@options.json_option
def log(run_id: str, *, as_json: bool, **given: Any) -> None:
    """Print every event of a run in order, after checking that none was altered.

    In place of a run, `project` prints what concerns no single run: holds and erasures.

    With --json one event a line, as stored: sequence number, time, who, kind, body and the
    hash that chains it to the event before.
    """
    app = options.open_app(given)
    if run_id == "project":
        _print(app.store.vault.project(app.project.client), as_json=as_json)
        return
    found = app.find(run_id)
    app.run(found)
    _print(app.store.events(found), as_json=as_json)


def _print(events: Any, *, as_json: bool) -> None:
    day = ""
    for event in events:
        if as_json:
            click.echo(json.dumps(_event_json(event), ensure_ascii=False))
            continue
        if event.at[:10] != day:
            day = event.at[:10]
            click.echo(click.style(f"{day}, times in UTC", bold=True))
        click.echo(visible(line(event)))
    if not as_json:
        head = f", head {events[-1].hash[:16]}" if events else ""
        click.echo(f"\n{len(events)} events; the chain holds{head}")


def _event_json(event: Any) -> dict[str, Any]:
    import dataclasses

    from runbook_exec.journal import encoded

    told = dataclasses.asdict(event)
    # The chain covers the bytes as they are kept; they are here where they are not the body as it reads.
    stored = told.pop("stored")
    return told if stored in {b"", encoded(event.body)} else {**told, "stored": stored.decode()}


def line(event: Any) -> str:
    """An event on one line: number, time, kind, step, and what it tells."""
    body = event.body
    clock = event.at[11:23]
    step, told = body.get("step") or body.get("gate", ""), _told(event)
    return f"{event.seq:>4}  {clock}  {event.kind:<14} {step:<16} {told}".rstrip()


def _told(event: Any) -> str:
    body = event.body
    if "error" in body:
        return str(body["error"].get("what", ""))
    if "verdict" in body:
        acted = f" for {body['delegated_for']}" if body["delegated_for"] else ""
        return f"{body['verdict']} by {body['person']}{acted} ({body['way']}): {body['reason']}"
    match event.kind:
        case "step.intent":
            return _target(body["change"])
        case "step.result" | "step.evidence":
            return _flat(body.get("evidence") or {})
        case "run.started":
            who, about = body["requester"], GONE if ERASED in body else body["subject"]
            return f"{body['runbook']} for {about} in {body['environment']}, asked for by {who}"
        case "run.planned":
            return f"{body['changes']} changes, digest {body['digest'][:12]}"
        case "run.taken":
            return f"{event.who} has it from here on, after {body['before']}"
        case "run.noted" | "step.confirmed":
            return f"{event.who}: {body['text']}".removesuffix(": ")
    return str(body.get("reason") or body.get("note") or body.get("why") or "")


def _target(change: Any) -> str:
    return f"{change['action']} → {change['target']}" if change else GONE


def _flat(evidence: Any) -> str:
    """What was seen, on one line: names and values, without the quotes of a program."""
    if not isinstance(evidence, dict):
        return json.dumps(evidence, ensure_ascii=False)
    return " · ".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in evidence.items()
        if value != ""
    )


def late_json(lates: Any) -> list[dict[str, str]]:
    """Steps that take too long, for programs."""
    return [{"step": one.label, "until": one.until.isoformat(), "level": one.level.value} for one in lates]


def run_json(run: Any, runbook: Any) -> dict[str, Any]:
    """A run for programs."""
    from runbook_exec import report

    return {
        "run": run.id,
        "status": run.status.value,
        "runbook": runbook.name,
        "runbook_digest": runbook.digest,
        "plan": run.plan.get("digest"),
        "why": run.why,
        "erased": run.erased,
        "next": run.next_move,
        "due": run.due or None,
        "events": run.seq,
        "head": run.head,
        "fidelity": dict(run.fidelity) or None,
        "steps": [
            {"step": row.step, "status": row.status.value, "says": row.says, "ended": row.ended_at}
            for row in report.rows(run, runbook, "en")
        ],
    }
