"""blackbox: the signed record, for operators and for auditors."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from runbook_exec.cli import anchor, options
from runbook_exec.cli.words import say
from runbook_exec.errors import RunbookError

USAGE = 64
"""Of a wrong command line here: 2 means tampered."""


class _Misused(click.UsageError):
    exit_code = USAGE


class _Judging(click.Command):
    """A command whose exit code 2 means something else than a wrong command line."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise _Misused(error.format_message(), ctx=ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RunbookError as error:
            if error.exit_code < 8:  # what stops the command before its verdict is no verdict
                error.exit_code = USAGE
            raise


@click.group()
def blackbox() -> None:
    """The signed record of everything: verify it, export it, its key.

    Each event is chained to the one before; checkpoints sign how far every run goes.
    """


blackbox.add_command(anchor.anchor)
blackbox.add_command(anchor.anchors)

_existing = click.Path(exists=True, path_type=Path)


@blackbox.command(cls=_Judging)
@click.argument("export", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", "keys", multiple=True, metavar="KEY", help="The public key that you were given, or its file."
)
@click.option(
    "--anchors", type=_existing, metavar="FOLDER", help="Receipts (JSON) that you fetched yourself."
)
@click.option("--anchor-age", metavar="TIME", help="How old the newest anchor may be, as 24h.")
@click.option(
    "--signers", type=_existing, metavar="FILE", help="Whose SSH keys sign decisions (allowed signers)."
)
@click.option(
    "--tsa",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The time stamping authority's certificate (PEM), to check its stamps by.",
)
@click.option(
    "--fetch", is_flag=True, help="Of this project: fetch what lies at its anchors, and compare it, too."
)
@options.language_option
@options.json_option
def verify(export: Path | None, *, as_json: bool, **given: Any) -> None:
    """Check the record of this project, or an EXPORT.

    \b
    Exit codes: 0 sound, 2 tampered (the first bad event and the last safe time are named),
    3 incomplete, 4 the newest anchor is too old, 64 wrong command line.
    """
    from runbook_exec import blackbox_verify as verifier

    found = _of_export(export, given) if export else _of_project(given)
    language = options.chosen_language(given["language"], "en")
    if as_json:
        click.echo(json.dumps(found.as_json(), ensure_ascii=False, indent=2))
    else:
        colour = {verifier.SOUND: "green", verifier.TAMPERED: "red"}.get(found.exit, "yellow")
        first, *others = found.lines(language)
        click.echo(click.style(first, fg=colour, bold=True))
        for line in others:
            click.echo(f"  {line}")
        if not export and not given["keys"]:
            click.echo(f"  {say(language, 'own key')}")
    click.get_current_context().exit(found.exit)


def _of_export(export: Path, given: dict[str, Any]) -> Any:
    from runbook_exec import blackbox_verify as verifier

    return verifier.verify(verifier.read_export(export), _trust(given), watch=_progress(given))


def _of_project(given: dict[str, Any]) -> Any:
    from dataclasses import replace

    from runbook_exec import anchoring
    from runbook_exec import blackbox as box

    app = options.open_app(given)
    trust = _trust(given)
    if given["fetch"]:
        trust = replace(trust, anchors=(*(trust.anchors or ()), *_fetched(app)))
    if not trust.authority:
        trust = replace(trust, authority=anchoring.certificates(app))
    if trust.signers is None:
        trust = replace(trust, signers=box.signers(app))
    if trust.anchor_age is None and (trust.anchors or app.store.ledger.standing(app.project.client).anchored):
        trust = replace(trust, anchor_age=box.anchor_age(app))
    return box.verify_live(app, trust, watch=_progress(given))


def _fetched(app: Any) -> list[Any]:
    """What lies at the project's anchors. An anchor that cannot be asked stops the command before its verdict."""
    from runbook_exec import anchoring
    from runbook_exec import blackbox_verify as verifier

    found: list[Any] = []
    for name, lies in anchoring.fetch(app):
        if isinstance(lies, RunbookError):
            raise lies
        found += [verifier.Anchor.parse(one, name) for one in lies.receipts]
        for torn in lies.unreadable:
            click.echo(f"{name}: makes no sense (torn, changed, or not ours): {torn}", err=True)
    return found


def _trust(given: dict[str, Any]) -> Any:
    from runbook_exec import blackbox_verify as verifier
    from runbook_exec import duration

    try:
        age = given["anchor_age"]
        return verifier.Trust(
            keys=tuple(map(verifier.key_given, given["keys"])),
            anchors=tuple(verifier.read_anchors(given["anchors"])) if given["anchors"] else None,
            signers=verifier.read_signers(given["signers"]) if given["signers"] else None,
            anchor_age=timedelta(seconds=duration.seconds(age)) if age else None,
            authority=given["tsa"].read_bytes() if given["tsa"] else b"",
        )
    except (ValueError, OSError) as error:
        raise _Misused(str(error)) from error


def _progress(given: dict[str, Any]) -> Any:
    """Counts events on the last line of a terminal; says nothing elsewhere."""
    if not options.in_terminal():
        return lambda events: None
    language = options.chosen_language(given.get("language"), "en")
    return lambda events: click.echo(
        f"\r{say(language, 'reading record', f'{events:,}')}\r", err=True, nl=False
    )


@blackbox.command()
@click.option(
    "--to",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A new file, or a folder for it.",
)
@click.option(
    "--since", default="", metavar="DATE", help="Leave events before that day out; a verdict says so."
)
@click.option(
    "--with-decisions",
    is_flag=True,
    help="Also in clear: the reasons and signed texts of decisions (personal data).",
)
@options.language_option
def export(*, to: Path, since: str, with_decisions: bool, **given: Any) -> None:
    """Write the record into a file that can be checked without this program.

    One JSON object a line: docs/blackbox.md explains the format. Personal values stay sealed.
    """
    from runbook_exec import blackbox as box

    app = options.open_app(given)
    made = box.export(app, to, since=_day(since), with_decisions=with_decisions, watch=_progress(given))
    click.echo(say(app.desk.language, "exported", made.events, made.checkpoint, made.file))
    click.echo(say(app.desk.language, "exported next", made.file))


def _day(text: str) -> str:
    from datetime import date

    if not text:
        return ""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise click.BadParameter(f"{text} is no day", param_hint="--since") from error


@blackbox.command()
@options.language_option
def key(**given: Any) -> None:
    """Print the public key that an auditor needs, with the id of this log."""
    from runbook_exec import blackbox as box

    app = options.open_app(given)
    click.echo(box.told_key(app))
    if options.in_terminal():
        click.echo(say(app.desk.language, "hand it over"), err=True)


@blackbox.command("rotate-key")
@click.option("--reason", required=True, help="Why; it goes on the record.")
@click.option(
    "--lost", is_flag=True, help="The old key is gone: go on without its word. A verdict tells this."
)
@click.option(
    "--new", metavar="REFERENCE", help="Where the new key is, if runbook.yaml names the old one's place."
)
@options.language_option
def rotate_key(*, reason: str, lost: bool, new: str | None, **given: Any) -> None:
    """Change the key that signs, on the record: a checkpoint signed by the old and the new one."""
    from runbook_exec import blackbox as box
    from runbook_exec.references import secret_at
    from runbook_exec.signing import Keys

    app = options.open_app(given)
    fresh = Keys(app.project.state, secret_at(new, "--new")) if new else None
    kept = box.rotate(app, reason=reason, lost=lost, new=fresh)
    click.echo(say(app.desk.language, "key changed", kept.number))
    click.echo(
        f"runbook-blackbox ed25519 {kept.key} {app.project.client}/{app.store.ledger.log(app.project.client)}"
    )
    if new:
        click.echo(say(app.desk.language, "change settings"))


@blackbox.command()
@options.language_option
@options.json_option
def checkpoint(*, as_json: bool, **given: Any) -> None:
    """Sign what waits for the next checkpoint now, and print the newest."""
    from runbook_exec import blackbox as box

    app = options.open_app(given)
    kept = box.covered(app)
    if as_json:
        told = {"checkpoint": kept.number, "at": kept.at, "hash": kept.hash} if kept else None
        click.echo(json.dumps(told))
    elif kept is None:
        click.echo(say(app.desk.language, "nothing to cover"))
    else:
        click.echo(say(app.desk.language, "checkpoint now", kept.number, kept.at[:19] + "Z", kept.hash))


@blackbox.command()
@click.option("--time-stamps", is_flag=True, help="Its second file, time_stamp.py, which --tsa needs.")
def verifier(*, time_stamps: bool) -> None:
    """Print the verifier: one Python file that needs nothing of this program.

    An auditor had better take it from a release that they fetched themselves.
    """
    from runbook_exec import blackbox_verify, time_stamp

    chosen = time_stamp if time_stamps else blackbox_verify
    click.echo(Path(str(chosen.__file__)).read_text(encoding="utf-8"), nl=False)
