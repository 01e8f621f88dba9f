"""Options that several commands share, and what they are turned into."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

environment = click.option(
    "-e", "--environment", metavar="NAME", help="Which set of connections; the project's default if left out."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
language_option = click.option(
    "--lang",
    "language",
    type=click.Choice(["en", "de"]),
    help="Language of checklists and plans; else RUNBOOK_LANG, LANG, or the project's.",
)
MOMENT = 30.0
"""Seconds that a command stays with a step that waits where nobody watches."""


def _length(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    from runbook_exec import duration

    return None if value is None else duration.seconds(value, where="--hold")


hold = click.option(
    "--hold",
    metavar="TIME",
    callback=_length,
    help="How long to stay with a step that waits: 10m. Else as long as you watch; 30s in a pipe.",
)
ticket = click.option("--ticket", default="", metavar="NUMBER", help="The ticket that this belongs to.")


def inputs_options(command: F) -> F:
    """`-i name=value` and `--inputs FILE`."""
    command = click.option(
        "-i",
        "--input",
        "pairs",
        multiple=True,
        metavar="NAME=VALUE",
        help="One input: -i person.surname=Weiß. Repeat for more.",
    )(command)
    return click.option(
        "--inputs",
        "file",
        type=click.Path(dir_okay=False, allow_dash=True),
        metavar="FILE",
        help="Inputs from a YAML or JSON file; - reads standard input.",
    )(command)


def chosen_language(given: str | None, fallback: str) -> str:
    """The language to speak: as asked for, as the session is set, or as the project says."""
    if given:
        return given
    for name in ("RUNBOOK_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value.startswith(("de", "en")):
            return value[:2]
    return fallback


def in_terminal() -> bool:
    """True where a person can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def held(given: dict[str, Any]) -> float:
    """Seconds to stay with a step that waits: as asked for, as long as somebody watches, or a moment."""
    if given.get("hold") is not None:
        return float(given["hold"])
    return math.inf if in_terminal() and not given.get("as_json") else MOMENT


def open_project() -> Any:
    """The project that the working folder is in."""
    from runbook_exec.settings import find_project

    return find_project(Path.cwd())


def open_app(given: dict[str, Any]) -> Any:
    """The application, as the options say."""
    from runbook_exec.app import App
    from runbook_exec.desk import Desk, person

    project = open_project()
    language = chosen_language(given.get("language"), project.language)
    app = App(project, environment=given.get("environment"), desk=Desk(who=person(), language=language))
    _told_at_the_end(app)
    _anchored_at_the_end(app)
    return app


def _told_at_the_end(app: Any) -> None:
    """Once everything is said, a command that works on runs tells their tickets what they were not told yet."""
    context = click.get_current_context(silent=True)
    if context is not None:
        goes_on = context.info_name == "resume"

        def told() -> None:
            if app.has_written or goes_on:
                from runbook_exec import outbox
                from runbook_exec.app import now

                outbox.tell(app, now)

        context.call_on_close(told)


def _anchored_at_the_end(app: Any) -> None:
    """Once everything is said, a command that wrote leaves copies of the newest checkpoint where they are due."""
    context = click.get_current_context(silent=True)
    if context is not None and app.project.blackbox.get("anchors"):
        from runbook_exec.anchoring import when_due
        from runbook_exec.app import now

        context.call_on_close(lambda: when_due(app, now))
