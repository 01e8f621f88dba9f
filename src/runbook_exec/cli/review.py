"""review: the draft of the blameless report on a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runbook_exec.cli import options


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--to", "target", type=click.Path(dir_okay=False), help="Write it to a file instead.")
@options.environment
@options.language_option
def review(run_id: str, *, target: str | None, **given: Any) -> None:
    """Draft the blameless report on a run: timeline, what was caught and missed, causes, proposed change.

    The draft is Markdown from the journal alone. It names items and causes, never people, and
    leaves room for what only those who were there can say.
    """
    from runbook_exec import load
    from runbook_exec.errors import Invalid
    from runbook_exec.past import runbook_of
    from runbook_exec.review import draft
    from runbook_exec.review import review as looked_at

    app = options.open_app(given)
    found = app.find(run_id)
    run, events = app.run(found), app.store.events(found)
    schemas = run.started.get("schemas", {})

    def loads(text: str) -> bool:
        import json

        try:
            load.parse(text, file=run.started["file"], fetch=lambda name: json.dumps(schemas[name]))
        except Invalid:
            return False
        return True

    text = draft(looked_at(run, runbook_of(run), events, loads), app.desk.language)
    if target is None:
        click.echo(text)
        return
    try:
        with Path(target).open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Invalid(
            f"cannot be written: {error.strerror}",
            where=target,
            next_move="name a file that is not there yet",
        ) from error
    click.echo(target)
