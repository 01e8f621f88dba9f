"""doctor: whether each connection works, with the rights it needs and no more."""

from __future__ import annotations

import json
from typing import Any

import click

from runbook_exec.cli import options
from runbook_exec.visible import visible


@click.command()
@options.environment
@options.json_option
def doctor(*, environment: str | None, as_json: bool) -> int:
    """Check each connection, twice: as it plans (reading) and as it applies (writing).

    The rights are those that the actions used by this project's runbooks declare; what is
    missing and what is too much are both reported, with the next move.
    """
    from runbook_exec.app import App
    from runbook_exec.desk import Desk, person
    from runbook_exec.health import examine

    project = options.open_project()
    app = App(project, environment=environment, desk=Desk(who=person(), language=project.language))
    found = list(examine(project, app.environment))
    if as_json:
        click.echo(
            json.dumps(
                [{"connection": name, "ok": f.ok, "what": f.what, "next": f.next_move} for name, f in found]
            )
        )
    else:
        _print(found)
    return 0 if all(finding.ok for _, finding in found) else 4


def _print(found: list[tuple[str, Any]]) -> None:
    last = ""
    for name, finding in found:
        if name != last:
            click.echo(click.style(name, bold=True))
            last = name
        mark = click.style("✓", fg="green") if finding.ok else click.style("✗", fg="red")
        click.echo(f"  {mark} {visible(finding.what)}")
        if finding.next_move and not finding.ok:
            click.echo(f"      next: {visible(finding.next_move)}")
    wrong = sum(not finding.ok for _, finding in found)
    click.echo(f"\n{len(found)} checks, {wrong} to mend" if wrong else f"\n{len(found)} checks, all well")
