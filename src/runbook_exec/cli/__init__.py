"""The `runbook` command. Starting costs nothing: a command's module is imported when it is called."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NoReturn

import click

COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("shelf:list_", "List the runbooks of this project."),
    "show": ("shelf:show", "Show a runbook as a checklist, with its inputs."),
    "lint": ("shelf:lint", "Find what is wrong with runbooks before anyone runs them."),
    "schema": ("shelf:schema", "Print the JSON Schema of the runbook format, for editors."),
    "docs": ("shelf:docs", "Explain an action, or all of them."),
    "plan": ("work:plan", "Show exactly what a run would change. Writes nothing."),
    "run": ("work:run", "Plan, show, and do it, with a live checklist."),
    "resume": ("work:resume", "Go on with a run that stopped or waits."),
    "reschedule": ("reschedule:reschedule", "Move the date that a run's times hang on."),
    "undo": ("undo:undo", "Take back what a run changed, last first."),
    "confirm": ("hand:confirm", "Confirm an item at which a run waits."),
    "take": ("hand:take", "Take a run over from a colleague, and see where it stands."),
    "note": ("hand:note", "Leave a remark on a run for whoever comes next."),
    "defer": ("deferral:defer", "Put a step off: reason, owner, last day."),
    "deferrals": ("deferral:deferrals", "List what is put off and not settled."),
    "settle": ("deferral:settle", "Do a step now that was put off, or give it up."),
    "resolve": ("decide:resolve", "Say what happened to a step that is in doubt."),
    "cancel": ("decide:cancel", "End a run for good; what was done stays done."),
    "approvals": ("approvals:approvals", "List the gates that wait, and for whom."),
    "approve": ("approve:approve", "Agree to exactly what a plan shows, at a gate."),
    "reject": ("approve:reject", "Say no at a gate; one no keeps it shut."),
    "withdraw": ("approve:withdraw", "Take your word at a gate back."),
    "break-glass": ("approve:break_glass", "Open a gate alone in an emergency; somebody looks at it after."),
    "after-review": ("approve:after_review", "Look at glass that somebody else broke."),
    "status": ("history:status", "Show runs, or one run's checklist."),
    "log": ("history:log", "Print every event of a run, as recorded."),
    "evidence": ("evidence:evidence", "Write what an auditor asks for: population, sample, departures."),
    "review": ("review:review", "Draft the blameless report on a run."),
    "blackbox": ("blackbox:blackbox", "The signed record: verify, export, its key."),
    "reconcile": ("reconcile:reconcile", "Hold the far sides' own logs against the journal."),
    "subject": ("subject:subject", "What is on record about somebody: show, hold, release, erase."),
    "doctor": ("checkup:doctor", "Check each connection and the rights it needs."),
    "init": ("shelf:init", "Make a project folder with the runbook library."),
    "sandbox": ("rehearse:sandbox", "The rehearsal company: start, stop, reset, faults, demo."),
}


class _Lazy(click.Group):
    """Knows its commands' names and one line each; imports one only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(f"runbook_exec.cli.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, says) for name, (_, says) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], list(COMMANDS), 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="runbook-exec")
@click.option("--debug", is_flag=True, help="Show a stack trace for errors.")
@click.pass_context
def cli(ctx: click.Context, *, debug: bool) -> None:
    """Checklists that can be believed.

    \b
    A first look:   runbook sandbox start
                    runbook plan onboard-employee --inputs runbooks/examples/anna-berg.yaml
                    runbook run onboard-employee --inputs runbooks/examples/anna-berg.yaml

    \b
    Exit codes: 0 done (or nothing to change) · 2 wrong command line · 3 invalid runbook, input or
    setting · 4 a far side is unreachable or refuses us · 5 a step failed · 6 refused (guard, drift)
    · 7 somebody else works on it · 8 the journal cannot be written · 9 changes outside were found
    · 10 waiting · 11 in doubt
    """
    ctx.ensure_object(dict)["debug"] = debug


def main() -> NoReturn:
    """Run the command and leave with the exit code of its class of outcome."""
    from runbook_exec.errors import RunbookError

    try:
        code = cli.main(prog_name="runbook", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except RunbookError as error:
        if "--debug" in sys.argv:
            raise
        _tell(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        click.echo(f"error: a defect in this program: {type(error).__name__}", err=True)
        click.echo(
            "  next: run it again with --debug (runbook --debug …) and report what it prints", err=True
        )
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _tell(error: Any) -> None:
    language = _language()
    if "--json" in sys.argv:
        import json

        parts = getattr(error, "problems", (error,))
        told = [{"kind": e.kind, "where": e.where, "what": e.what, "next": e.next_move} for e in parts]
        click.echo(json.dumps({"errors": told}, ensure_ascii=False), err=True)
        return
    from runbook_exec.catalogue import said_in
    from runbook_exec.visible import visible

    head, then = ("Fehler: ", "als Nächstes") if language == "de" else ("error: ", "next")
    for part in getattr(error, "problems", (error,)):
        text = f"{part.where}: " * bool(part.where) + said_in(part.what, language)
        text += f"\n  {then}: {said_in(part.next_move, language)}" if part.next_move else ""
        click.echo(click.style(head, fg="red") + visible(text), err=True)


def _language() -> str:
    """What errors are told in: as the command was asked, or else as the session is set."""
    from runbook_exec.cli.options import chosen_language

    given = [
        value if name == "--lang" else name.partition("=")[2]
        for name, value in zip(sys.argv, [*sys.argv[1:], ""], strict=True)
        if name == "--lang" or name.startswith("--lang=")
    ]
    return chosen_language(given[-1] if given else None, "en")
