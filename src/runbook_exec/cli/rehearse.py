"""sandbox: the rehearsal company's life, faults on request, and the demonstration."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import click

from runbook_exec.cli import options
from runbook_exec.visible import visible

JOINER = "runbooks/examples/anna-berg.yaml"


def _folder() -> Path:
    folder: Path = options.open_project().state / "sandbox"
    return folder


@click.group()
def sandbox() -> None:
    """The rehearsal company: Kranich Fördertechnik GmbH, on loopback, with nothing but Python.

    A directory that behaves like Active Directory, a Microsoft Graph double, an AWS account,
    a mail catcher, a ticket desk and a file server. Its state survives restarts, but for
    the AWS account, which begins anew.
    """


@sandbox.command()
def start() -> None:
    """Start it (once; a second start finds it running)."""
    from runbook_exec.sandbox import process

    running = process.start(_folder())
    click.echo(f"the rehearsal company is up (process {running.pid}); `runbook sandbox stop` ends it")


@sandbox.command()
def stop() -> None:
    """Stop it; its state stays."""
    from runbook_exec.sandbox import process

    click.echo("stopped" if process.stop(_folder()) else "it was not running")


@sandbox.command()
@options.json_option
def status(*, as_json: bool) -> None:
    """Tell whether it runs, where it listens, and which faults are on."""
    from runbook_exec.sandbox import process

    told = process.status(_folder())
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    click.echo("running" if told["running"] else "not running; `runbook sandbox start` starts it")
    for name, value in told.items():
        if name != "running" and value:
            _tell({name: value})


@sandbox.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def reset(*, yes: bool) -> None:
    """Forget everything that was rehearsed; the company is as on its first day."""
    from runbook_exec.sandbox import process

    if not yes:
        click.confirm("Forget the rehearsal company's state?", abort=True)
    process.reset(_folder())
    click.echo("the company is as on its first day; runs and their journal are kept")


@sandbox.command()
@click.argument("name", required=False)
@click.option("--off", is_flag=True, help="Switch it off again.")
@click.option("--times", type=int, help="For so many occasions; else until it is switched off.")
@click.option(
    "-f", "figures", multiple=True, metavar="NAME=VALUE", help="A figure of the fault: -f seconds=5."
)
def fault(name: str | None, *, off: bool, times: int | None, figures: tuple[str, ...]) -> None:
    """Switch trouble on or off; without a name, list what there is.

    \b
      runbook sandbox fault graph-throttled --times 3 -f seconds=2
      runbook sandbox fault graph-throttled --off
    """
    from runbook_exec.sandbox import faults, process

    if name is None:
        active = process.active_faults(_folder())
        for known, says in faults.KNOWN.items():
            mark = click.style("on ", fg="yellow") if known in active else "off"
            click.echo(f"  {mark}  {known:<22} {says}")
        click.echo("\nswitch on, for three occasions:  runbook sandbox fault graph-throttled --times 3")
        click.echo("switch off:                      runbook sandbox fault graph-throttled --off")
        return
    process.fault(_folder(), name, off=off, times=times, figures=_figures(figures))
    click.echo(f"{name} is {'off' if off else 'on'}")


def _figures(pairs: tuple[str, ...]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise click.BadParameter(f"{pair!r} has no name=value")
        try:
            figures[name] = json.loads(text)
        except ValueError:
            figures[name] = text
    return figures


@sandbox.command()
@click.argument("person")
@options.json_option
def look(person: str, *, as_json: bool) -> None:
    """Show what every far side holds about PERSON (login, address or employee id)."""
    from runbook_exec.sandbox import process

    found = process.look_person(_folder(), person)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for place, value in found.items():
        click.echo(click.style(place, bold=True))
        _tell(value)


@sandbox.command()
@click.argument("run_id", metavar="RUN")
@click.argument("gate", required=False, default="")
@click.option("--as", "played", required=True, metavar="PERSON", help="Whom you play: a sign-in name.")
@click.option("--no", "against", is_flag=True, help="They reject it.")
@click.option("--reason", default="rehearsed", show_default=True, help="What they say.")
@options.environment
@options.language_option
@options.json_option
def decide(run_id: str, gate: str, *, played: str, against: bool, reason: str, **given: Any) -> int:
    """Have a resident of the rehearsal company decide at a gate.

    It is recorded as a rehearsal, with who played whom, and counts in the rehearsal company
    alone: elsewhere everybody decides for themselves with `runbook approve`.
    """
    from runbook_exec.cli.approve import decided
    from runbook_exec.decision import Verdict

    verdict = Verdict.REJECT if against else Verdict.APPROVE
    about = {
        **given,
        "run_id": run_id,
        "gate": gate,
        "reason": reason,
        "key": None,
        "digest": None,
        "place": "",
    }
    return decided(verdict, "", about, played=played)


def _tell(value: Any, indent: str = "  ") -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, dict | list) and item:
                click.echo(f"{indent}{name}:")
                _tell(item, indent + "  ")
            elif "\n" in (text := visible(str(item))):
                click.echo(f"{indent}{name}:")
                click.echo(textwrap.indent(text, indent + "  "))
            else:
                click.echo(f"{indent}{name}: {text}")
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                _tell(item, indent)
                click.echo()
            else:
                click.echo(f"{indent}- {visible(str(item))}")
    else:
        click.echo(f"{indent}{'nothing there' if value is None else visible(str(value))}")


@sandbox.command()
@click.pass_context
def demo(ctx: click.Context) -> int:
    """Start the company and take a sample joiner through their first day."""
    from runbook_exec.cli.work import run
    from runbook_exec.sandbox import process

    folder = _folder()
    process.start(folder)
    click.echo("The rehearsal company is up. A joiner arrives: " + JOINER + "\n")
    given: dict[str, Any] = {
        "runbook": "onboard-employee",
        "file": JOINER,
        "pairs": (),
        "environment": "sandbox",
        "ticket": "",
        "language": None,
        "as_json": False,
        "html": str(folder / "plan.html"),
        "brief": True,
        "dry_run": False,
        "yes": True,
        "rehearse": True,
    }
    code = int(ctx.invoke(run, **given) or 0)
    if code:
        return code
    click.echo(
        "\nLook next (with .venv/bin/ before each command, or after `source .venv/bin/activate`):\n"
        f"  the plan, as a page      {folder / 'plan.html'}\n"
        f"  the plan, in full        runbook plan onboard-employee --inputs {JOINER}\n"
        "  the log                  runbook status, then runbook log RUN\n"
        "  account, licence, home,\n"
        "  mail and ticket          runbook sandbox look anna.berg\n"
        "  make trouble             runbook sandbox fault, then `runbook sandbox reset` and a run\n"
        "  end it                   runbook sandbox stop"
    )
    return 0
