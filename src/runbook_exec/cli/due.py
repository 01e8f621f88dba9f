"""resume --due: one round over the runs that wait, one line each."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import click

from runbook_exec.catalogue import said_in
from runbook_exec.cli import options
from runbook_exec.cli.words import say
from runbook_exec.errors import Failed
from runbook_exec.visible import visible


def round_told(given: dict[str, Any]) -> int:
    """Make a round and tell it; 5 where a run is in trouble."""
    from runbook_exec.rounds import Outcome

    wrong = False
    told = []
    for each in _round(given):
        wrong = wrong or each.outcome is Outcome.TROUBLE
        told.append(each)
        if not given["as_json"]:
            _print(each, options.chosen_language(given.get("language"), "en"))
    if given["as_json"]:
        click.echo(json.dumps([dataclasses.asdict(each) for each in told], ensure_ascii=False, indent=2))
    return Failed.exit_code if wrong else 0


def _round(given: dict[str, Any]) -> Iterator[Any]:
    from runbook_exec.rounds import round_of

    app = options.open_app({**given, "environment": None})
    apps: dict[str, Any] = {}

    def opened(environment: str) -> Any:
        """Its far sides belong to the run's own environment; nobody is there to be asked."""
        if environment not in apps:
            apps[environment] = options.open_app({**given, "environment": environment})
            apps[environment].desk.hold = given["hold"] or 0.0
        return apps[environment]

    yield from round_of(app, opened, only=given["environment"])


def _print(each: Any, language: str) -> None:
    stands = say(language, f"status {each.status}") if each.status else each.outcome.value
    head = click.style(f"{each.run}  ", bold=True) + f"{each.runbook:<20} {stands}"
    click.echo(head + (f": {visible(said_in(each.says, language))}" if each.says else ""))
    if each.next_move and each.status != "waiting":
        click.echo(say(language, "next", visible(said_in(each.next_move, language))))
