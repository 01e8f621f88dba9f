"""reconcile: what was changed at the far sides without this program."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from runbook_exec.cli import options
from runbook_exec.cli.evidence import DAY, period
from runbook_exec.visible import visible


@click.command()
@click.option("--from", "since", type=DAY, metavar="DATE", required=True, help="First day of the period.")
@click.option("--to", "until", type=DAY, metavar="DATE", required=True, help="Last day of the period.")
@click.option("--base", default="", metavar="DN", help="Look at everything below this name in the directory.")
@click.option("--all", "everything", is_flag=True, help="Look at everything that the far sides tell.")
@click.option(
    "--csv",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the list as CSV, too.",
)
@options.environment
@options.language_option
@options.json_option
def reconcile(
    *,
    since: datetime,
    until: datetime,
    base: str,
    everything: bool,
    file: Path | None,
    as_json: bool,
    **given: Any,
) -> int:
    """List what was changed outside of the journal, by the far sides' own logs.

    The directory tells when each attribute and membership was last changed, Entra keeps a log
    of changes. What runs of this environment explain is counted, the rest is listed: when,
    what, by whom where the far side says so, and which run was about the thing at the time.
    Looked at are the things that runs of the period wrote; --base and --all look further.

    Exit code 0: nothing outside. 9: something. 4: a log could not be read (or not back to the
    first day), and nothing was found.
    """
    from runbook_exec.app import now
    from runbook_exec.audit import outside_told
    from runbook_exec.audit import reconcile as reconciling
    from runbook_exec.audit.csv_file import csv_text
    from runbook_exec.audit.words import Papers
    from runbook_exec.errors import EXIT_OUTSIDE, Invalid, Unreachable

    first, last = period(since, until)
    if base and everything:
        raise Invalid("--base and --all contradict each other", next_move="name one of them")
    app = options.open_app(given)
    found = reconciling.reconcile(app, first, last, base=base, everything=everything, as_of=now())
    text = Papers(app.desk.language)
    if as_json:
        click.echo(json.dumps(outside_told.document(found, text), ensure_ascii=False, indent=2))
    else:
        for line in outside_told.lines(found, text):
            click.echo(visible(line))
    if file is not None:
        file.touch(mode=0o600)
        file.write_bytes(csv_text(outside_told.table(found, text)).encode())
    if found.outside:
        return EXIT_OUTSIDE
    return Unreachable.exit_code if found.unread else 0
