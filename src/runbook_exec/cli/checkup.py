"""doctor: whether each connection works, with the rights it needs and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from runbook_exec.cli import options
from runbook_exec.visible import visible

if TYPE_CHECKING:
    from runbook_exec.action import Finding


@click.command()
@options.environment
@options.json_option
@click.option("--gates", is_flag=True, help="Look at the gates instead: who must not be away.")
def doctor(*, environment: str | None, as_json: bool, gates: bool) -> int:
    """Check each connection, twice: as it plans (reading) and as it applies (writing).

    The rights are those that the actions used by this project's runbooks declare; what is
    missing and what is too much are both reported, with the next move. Then what in open runs
    needs somebody: steps past their deadline (caution) or soon (advisory), and what is put off.

    With --gates it connects to nothing, and tries each gate of each runbook with one and two
    people away: whose absence would keep it shut, and whether a fallback helps.
    """
    if gates:
        return _gates(environment, as_json=as_json)
    from runbook_exec import anchoring, outbox
    from runbook_exec.app import App, now
    from runbook_exec.desk import Desk, person
    from runbook_exec.health import examine
    from runbook_exec.watch import watch

    project = options.open_project()
    app = App(project, environment=environment, desk=Desk(who=person(), language=project.language))
    found = [
        *examine(project, app.environment),
        *watch(app),
        *anchoring.examine(app, now()),
        *outbox.examine(app),
    ]
    if as_json:
        click.echo(
            json.dumps(
                [
                    {"connection": name, "ok": f.ok, "known": f.known, "what": f.what, "next": f.next_move}
                    for name, f in found
                ],
                ensure_ascii=False,
                indent=2,
            )
        )
    else:
        for line in shown(found, colour=True):
            click.echo(line)  # which drops the colours where nobody sees them
    return 0 if all(finding.ok for _, finding in found) else 4


def _gates(environment: str | None, *, as_json: bool) -> int:
    from runbook_exec import load
    from runbook_exec.absence import shut
    from runbook_exec.app import now
    from runbook_exec.library import runbook_files
    from runbook_exec.slots import words

    app = options.open_app({"environment": environment})
    people = app.gatehouse().people()
    found = [
        (book.name, step.id, words(step.gate.rule), shut(step.gate, people, now()))
        for book in map(load.load, runbook_files(app.project))
        for step in book.steps()
        if step.gate
    ]
    if as_json:
        told = [
            {
                "runbook": book,
                "gate": gate,
                "rule": rule,
                "shut": [{"away": list(s.away), "fallback_seconds": s.fallback} for s in absences],
            }
            for book, gate, rule, absences in found
        ]
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        for book, gate, rule, absences in found:
            _print_gate(f"{book}, gate {gate}: {rule}", absences)
        click.echo("" if found else "No runbook of this project has a gate.")
    return 6 if any(len(s.away) < 2 and s.fallback is None for *_, absences in found for s in absences) else 0


def _print_gate(title: str, absences: list[Any]) -> None:
    from runbook_exec import duration

    click.echo(click.style(visible(title), bold=True))
    if not absences:
        click.echo(f"  {click.style('✓', fg='green')} opens with any two people away")
    for found in absences:
        who = " and ".join(found.away)
        when = f"with {who} away" if found.away else "whoever is there"
        if found.fallback is not None:
            click.echo(f"  {click.style('·', fg='yellow')} {visible(when)} it opens by its fallback alone, after "
                       f"{duration.words(found.fallback)}")  # fmt: skip
            continue
        mark = click.style("✗", fg="red") if len(found.away) < 2 else click.style("·", fg="yellow")
        click.echo(f"  {mark} {visible(when)} it cannot open")
        if len(found.away) < 2:
            click.echo(
                "      next: give it a fallback:, name a group in place of a person, or add a delegation"
            )


def shown(found: list[tuple[str, Finding]], *, colour: bool = False) -> Iterator[str]:
    """The findings, connection by connection, and how many need somebody."""

    def painted(text: str, **style: Any) -> str:
        return click.style(text, **style) if colour else text

    last = ""
    for name, finding in found:
        if name != last:
            yield painted(name, bold=True)
            last = name
        mark, tint = ("✗", "red") if not finding.ok else ("✓", "green") if finding.known else ("?", "yellow")
        yield f"  {painted(mark, fg=tint)} {visible(finding.what)}"
        if finding.next_move and not finding.ok:
            yield f"      next: {visible(finding.next_move)}"
    wrong = sum(not finding.ok for _, finding in found)
    unknown = sum(finding.ok and not finding.known for _, finding in found)
    end = f"{wrong} to mend" if wrong else "all well"
    yield ""
    yield f"{len(found)} checks, {end}" + (f", {unknown} nobody can tell from here (?)" if unknown else "")
