"""Talking to the person at the terminal: missing inputs, checklist items, secrets shown once."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from runbook_exec import check, inputs
from runbook_exec.action import Answer, Question
from runbook_exec.answer import wrong
from runbook_exec.cli.consent import MOST_TRIES, consents, forget_typed_ahead
from runbook_exec.cli.options import in_terminal
from runbook_exec.cli.words import say
from runbook_exec.errors import Invalid
from runbook_exec.visible import visible


def collect(
    schema: Mapping[str, Any], pairs: tuple[str, ...], file: str | None, *, language: str
) -> dict[str, Any]:
    """All inputs: from the file, then `-i` over it, then asked for where a person is there."""
    values = from_file(file, schema) if file else {}
    values = inputs.merged(values, inputs.from_pairs(pairs, schema))
    if in_terminal() and file != "-":
        for path, sub in list(inputs.missing(values, schema)):
            _set(values, path, _asked(path, sub, language))
    return values


def from_file(file: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs from a file, or from standard input where it is `-`."""
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise Invalid(
            f"cannot be read: {error.strerror}", where=file, next_move="name an existing file"
        ) from error
    return inputs.from_file(text, file=file, schema=schema)


def _asked(path: tuple[str, ...], schema: Mapping[str, Any], language: str) -> Any:
    """Ask until the answer fits the schema."""
    about = schema.get("description", "")
    options = schema.get("enum")
    click.echo(f"{'.'.join(path)}" + (f" – {about}" if about else ""))
    if options:
        click.echo(say(language, "one of", ", ".join(map(str, options))))
    may_be_empty = "" if not list(check.problems("", schema, lambda _: "")) else None
    while True:
        text = click.prompt(
            "  ",
            prompt_suffix="> ",
            hide_input=schema.get("secret") is True,
            default=may_be_empty,
            show_default=False,
        )
        value = inputs.typed(text, schema)
        wrong = list(check.problems(value, schema, lambda _: ""))
        if not wrong:
            return value
        for problem in wrong:
            said_already = not problem.next_move or (about and about in problem.next_move)
            click.echo(f"  {visible(problem.what)}" + ("" if said_already else f" ({problem.next_move})"))


def _set(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value


def ask(question: Question, who: str, language: str) -> Answer | None:
    """Put a checklist item to the person; None where they say it is not done."""
    click.echo()
    click.echo(click.style(f"▢ {visible(question.title)}", bold=True))
    if question.text:
        click.echo(visible(question.text))
    _show_once(question, language)
    if question.answer is not None:
        return answered(question, who, language)
    last = say(language, "all done" if question.items else "is done")
    if all(consents(asked, language) for asked in (*(f"  {visible(i)}" for i in question.items), last)):
        return Answer(who=who)
    click.echo(say(language, "not confirmed"))
    if question.reveal:
        click.echo(say(language, "secrets end"))
    return None


def answered(question: Question, who: str, language: str) -> Answer | None:
    """An answer that fits; None where they have none."""
    assert question.answer is not None
    if options := question.answer.get("enum"):
        click.echo(say(language, "one of", ", ".join(map(str, options))))
    forget_typed_ahead()
    for _ in range(MOST_TRIES):
        text = click.prompt("  ", prompt_suffix="> ", default="", show_default=False)
        if not text.strip():
            break
        value = inputs.typed(text.strip(), question.answer)
        found = wrong(question.answer, question.expect, value)
        if not found:
            return Answer(who=who, value=value)
        click.echo(f"  {visible(found)}")
    click.echo(say(language, "not answered"))
    return None


def _show_once(question: Question, language: str) -> None:
    """Show secrets until Enter is pressed, then take them off the screen."""
    if not question.reveal:
        return
    lines = [f"    {name}: {secret.reveal()}" for name, secret in question.reveal.items()]
    forget_typed_ahead()
    click.echo(say(language, "shown once"))
    for line in lines:
        click.echo(line)
    click.prompt("  ", default="", show_default=False, prompt_suffix="")
    if sys.stdout.isatty():
        click.echo(f"\x1b[{_height(lines) + 1}A\x1b[J", nl=False)
    click.echo(say(language, "taken off"))


def _height(lines: list[str]) -> int:
    """Rows that these lines take on the screen: a long one goes on in the next row."""
    from rich.cells import cell_len

    columns = max(shutil.get_terminal_size().columns, 1)
    return sum(max(1, -(-cell_len(line) // columns)) for line in lines)


def rehearsed(question: Question) -> Answer:
    """The answer of a rehearsal, in which nobody hands over a real laptop."""
    schema = question.answer
    value = None if schema is None else next(iter(question.expect), _any_of(schema))
    return Answer(value=value, who="rehearsal", text="confirmed by --rehearse; nobody did it")


def _any_of(schema: Mapping[str, Any]) -> Any:
    """A value that the schema names or that its type suggests."""
    if "default" in schema:
        return schema["default"]
    if schema.get("enum"):
        return schema["enum"][0]
    number = schema.get("minimum", 1)
    by_type = {"boolean": True, "integer": number, "number": number}
    return by_type.get(schema.get("type", "string"), "rehearsed")
