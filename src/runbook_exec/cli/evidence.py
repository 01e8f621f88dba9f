"""evidence: what an auditor asks for about a control."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from runbook_exec.cli import options
from runbook_exec.visible import visible

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command()
@click.option("--from", "since", type=DAY, metavar="DATE", required=True, help="First day of the period.")
@click.option("--to", "until", type=DAY, metavar="DATE", required=True, help="Last day of the period.")
@click.option(
    "--control",
    type=click.Choice(["joiner", "leaver", "access", "emergency"]),
    required=True,
    help="Which control; a runbook says which it belongs to (control:).",
)
@click.option(
    "--population",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="CSV",
    help="What HR says happened: one event a line.",
)
@click.option(
    "--mapping",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="YAML",
    help="What the file calls its columns and events.",
)
@click.option(
    "--sample",
    type=click.IntRange(1),
    metavar="N",
    help="Examine N items, drawn repeatably; all if left out.",
)
@click.option(
    "--to-folder",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where the CSV files and the page go; it has to be empty.",
)
@options.environment
@options.language_option
def evidence(
    *,
    since: datetime,
    until: datetime,
    control: str,
    population: Path | None,
    mapping: Path | None,
    sample: int | None,
    folder: Path,
    **given: Any,
) -> None:
    """Write the evidence for one control in one period. Reads the journal and the people file alone.

    The population is held against the journal in both directions: events without a run, runs
    without an event. Every item shows its ticket, approvals (verified again), what was
    planned and what was done, how punctual it was, and each departure.
    """
    from runbook_exec.app import now
    from runbook_exec.audit import folder as folders
    from runbook_exec.audit.evidence import gather
    from runbook_exec.audit.limits import limits
    from runbook_exec.audit.page import summary
    from runbook_exec.audit.words import Papers
    from runbook_exec.model import Duty

    first, last = period(since, until)
    app = options.open_app(given)
    source = _source(population, mapping)
    folders.ready(folder)
    report = gather(app, Duty(control), first, last, source=source, size=sample, as_of=now())
    text = Papers(app.desk.language)
    names = folders.write(report, folder, text)
    click.echo(visible(summary(report, text)))
    for said in limits(report, text):
        click.echo(visible(f"  {said}"))
    click.echo(visible(f"{folder}: {', '.join(names)}"))


def period(since: datetime, until: datetime) -> tuple[date, date]:
    """The days of a period, the last one included."""
    from runbook_exec.errors import Invalid

    if until < since:
        raise Invalid("the period ends before it begins", next_move="write --from before --to")
    return since.date(), until.date()


def _source(population: Path | None, mapping: Path | None) -> Any:
    from runbook_exec.audit import population as populations
    from runbook_exec.errors import Invalid

    if population is None:
        if mapping is not None:
            raise Invalid(
                "--mapping says how a file is read, and none was given", next_move="add --population CSV"
            )
        return populations.NoSource()
    mapped = populations.Mapped()
    if mapping is not None:
        mapped = populations.mapping(_bytes(mapping), file=str(mapping))
    return populations.CsvFile(text=_bytes(population), file=population.name, mapped=mapped)


def _bytes(file: Path) -> bytes:
    from runbook_exec.errors import Invalid

    try:
        return file.read_bytes()
    except OSError as error:
        raise Invalid(
            f"cannot be read: {error.strerror}", where=str(file), next_move="correct the name, or its rights"
        ) from error
