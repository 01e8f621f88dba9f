"""blackbox anchor, blackbox anchors: copies of checkpoints out of our reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from runbook_exec.cli import options
from runbook_exec.cli.words import say
from runbook_exec.visible import visible


@click.command()
@options.environment
@options.language_option
@options.json_option
def anchor(*, as_json: bool, **given: Any) -> int:
    """Leave a copy of the newest checkpoint at every anchor, now.

    Exit 0: every anchor has it. 4: at least one does not; which, why, and the next move are told.
    """
    from dataclasses import asdict

    from runbook_exec import anchoring
    from runbook_exec.app import now
    from runbook_exec.errors import Invalid, Refused

    app = options.open_app(given)
    if not anchoring.configured(app):
        raise Invalid(
            "no anchor is named",
            where="blackbox.anchors in runbook.yaml",
            next_move="add one; docs/anchors.md shows which kind proves what",
        )
    # The newest events are to be in the copy, too.
    app.store.ledger.write(app.project.client, at=app.clock().isoformat(timespec="microseconds"))
    made = anchoring.leave(app, at=now())
    if not made:
        raise Refused("nothing was recorded yet, so there is no checkpoint", next_move="runbook run …")
    if as_json:
        click.echo(json.dumps([asdict(one) for one in made], ensure_ascii=False, indent=2))
    else:
        for one in made:
            _tell(one, app.desk.language)
    return 4 if any(one.failed for one in made) else 0


def _tell(one: Any, language: str) -> None:
    if not one.failed:
        mark = click.style("✓", fg="green")
        click.echo(f"{mark} {say(language, 'anchor has', visible(one.anchor), one.checkpoint)}")
        return
    told = say(language, "anchor failed", visible(one.anchor), visible(one.failed))
    click.echo(f"{click.style('✗', fg='red')} {told}")
    if one.next_move:
        click.echo(say(language, "anchor next", visible(one.next_move)))


def show_failed(app: Any) -> None:
    """The anchors at which the last try failed; nothing where all is well."""
    from runbook_exec import anchoring

    for one in anchoring.failed(app):
        _tell(one, app.desk.language)


@click.command()
@options.environment
@options.language_option
@options.json_option
@click.option(
    "--fetch",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Fetch what lies at every anchor into FOLDER, one JSON file a copy, for the verifier.",
)
def anchors(*, as_json: bool, folder: Path | None, **given: Any) -> int:
    """List the anchors and their newest copies, or fetch all copies for an auditor.

    What lies at the far sides is what a rewritten or shortened journal does not fit. A time
    stamping authority keeps nothing: its tokens come from the journal.
    """
    from runbook_exec import anchoring

    app = options.open_app(given)
    if folder is None:
        return _list(app, as_json=as_json)
    told, failed = [], False
    for name, found in anchoring.fetch(app):
        if isinstance(found, Exception):
            failed = True
            told.append({"anchor": name, "error": getattr(found, "what", ""), "next": found.next_move})
            continue
        written = anchoring.save(folder, found.receipts)
        about = {"anchor": name, "copies": len(found.receipts), "new": len(written)}
        told.append({**about, "unreadable": list(found.unreadable)})
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        for one in told:
            _fetched(one, app.desk.language)
    return 4 if failed else 0


def _fetched(one: dict[str, Any], language: str) -> None:
    if "error" in one:
        click.echo(f"{click.style('✗', fg='red')} {visible(one['anchor'])}: {visible(one['error'])}")
        if one["next"]:
            click.echo(say(language, "anchor next", visible(one["next"])))
        return
    mark = click.style("!" if one["unreadable"] else "✓", fg="yellow" if one["unreadable"] else "green")
    told = say(language, "anchor fetched", visible(one["anchor"]), one["copies"], one["new"])
    click.echo(f"{mark} {told}")
    for name in one["unreadable"]:
        click.echo(say(language, "anchor senseless", visible(name)))


def _list(app: Any, *, as_json: bool) -> int:
    from dataclasses import asdict

    from runbook_exec import anchoring

    before = list(anchoring.tries(app).values())
    newest = app.store.ledger.newest(app.project.client)
    number = newest.number if newest else 0
    if as_json:
        click.echo(json.dumps({"newest": number, "anchors": [asdict(one) for one in before]}, indent=2))
        return 0
    language = app.desk.language
    if not anchoring.configured(app):
        click.echo(say(language, "no anchors"))
        return 0
    if not before:
        click.echo(say(language, "no copies"))
    for one in before:
        if one.failed:
            _tell(one, language)
        if one.done_at:
            at = one.done_at[:16].replace("T", " ")
            click.echo(say(language, "anchor newest", visible(one.anchor), one.checkpoint, number, at))
    return 0
