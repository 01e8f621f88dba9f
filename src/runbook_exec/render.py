"""Values of a runbook with their expressions computed: `{{ … }}` becomes a value of its own type.

A text that is one expression keeps the type of its value; an expression inside a longer
text becomes text. Only strings of the runbook are compiled: values are passed in and
never looked at as templates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runbook_exec.change import Deferred, Json
from runbook_exec.errors import Invalid
from runbook_exec.expression import evaluate, failing_constant, guarded, names, pieces
from runbook_exec.grammar import FILTERS, LONGEST
from runbook_exec.secret import Secret

__all__ = [
    "FILTERS",
    "LONGEST",
    "condition",
    "failing_constant",
    "guarded",
    "has_expression",
    "is_one_expression",
    "kind_of",
    "names",
    "pieces",
    "render",
    "strings",
]


def has_expression(value: Json) -> bool:
    """True if a string of the runbook, or one inside the value, holds `{{`."""
    return any("{{" in text for _, text in strings(value))


def is_one_expression(text: str) -> bool:
    """True for a text that is one expression and nothing else, so that it keeps its type."""
    return "{{" in text and [kind for kind, _ in pieces(text)] == [True]


def strings(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every string inside a value with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from strings(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from strings(item, (*path, index))


def render(value: Json, names: Mapping[str, Any], *, where: str = "") -> Json:
    """A value of the runbook with every expression computed; what is not known yet stays `Deferred`."""
    if isinstance(value, str):
        return _render_text(value, names, where)
    if isinstance(value, Mapping):
        return {key: render(item, names, where=where) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [render(item, names, where=where) for item in value]
    return value


def condition(text: str, names: Mapping[str, Any], *, where: str = "") -> bool | Deferred:
    """The truth of a `when:`; anything that is no true or false is an error, not a guess."""
    result = render(text, names, where=where)
    if isinstance(result, bool | Deferred):
        return result
    raise Invalid(
        f"{text!r} gives {kind_of(result)}, which is neither true nor false",
        where=where,
        next_move="compare it with something, for example {{ … == 'yes' }} or {{ … is defined }}",
    )


def kind_of(value: Json) -> str:
    """What a value is, in words, without saying it."""
    kinds = {str: "a text", list: "a list", dict: "a mapping", type(None): "nothing", Secret: "a secret"}
    return kinds.get(type(value), "a number")


def _render_text(text: str, names: Mapping[str, Any], where: str) -> Json:
    if "{{" not in text and "{%" not in text:
        return text
    try:
        cut = pieces(text)
    except Invalid as error:
        raise Invalid(error.what, where=where, next_move=error.next_move) from error
    values = [evaluate(content, names, where) if is_expr else content for is_expr, content in cut]
    if len(values) == 1:
        return values[0]
    return _joined(values, where)


def _joined(values: list[Any], where: str) -> Json:
    if any(isinstance(value, list | dict) for value in values):
        raise Invalid(
            "a list or a mapping stands inside a longer text",
            where=where,
            next_move="join it: {{ names | join(', ') }}, or name one part of it",
        )
    unknown = [value for value in values if isinstance(value, Deferred)]
    if unknown:
        label = "".join(repr(v) if isinstance(v, Deferred | Secret) else _text(v) for v in values)
        deferred = Deferred(unknown[0].step, "", _parts(values))
        deferred.label = label
        return deferred
    secrets = [value for value in values if isinstance(value, Secret)]
    if any(secret.is_planned for secret in secrets):
        return Secret.planned(secrets[0].rule)
    text = "".join(v.reveal() if isinstance(v, Secret) else _text(v) for v in values)
    if len(text) > LONGEST:
        raise Invalid(
            f"a text has {len(text)} characters, the limit is {LONGEST}",
            where=where,
            next_move="pass less, or a file",
        )
    return Secret(text, rule=secrets[0].rule) if secrets else text


def _parts(values: list[Any]) -> tuple[str | None, ...]:
    """Fixed pieces and None for each value to come (or secret); neighbours that are fixed are one."""
    parts: list[str | None] = []
    for value in values:
        part = None if isinstance(value, Deferred | Secret) else _text(value)
        if part is not None and parts and parts[-1] is not None:
            parts[-1] += part
        elif part is not None or not parts or parts[-1] is not None:
            parts.append(part)
    return tuple(parts)


def _text(value: Json) -> str:
    return "" if value is None else str(value)
