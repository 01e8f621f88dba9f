"""Options that several commands share, and what they are turned into."""

from __future__ import annotations

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
    return App(project, environment=given.get("environment"), desk=Desk(who=person(), language=language))
