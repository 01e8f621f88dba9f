"""Expressions: `{{ … }}` in a runbook becomes a value of its own type.

Runbook text is trusted, input data is not: only strings of the runbook are compiled,
values are passed in and never looked at as templates. What could exhaust the machine
(repetition, powers, printf-formats) is refused, results are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError, Undefined, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runbook_exec.change import Deferred, Json, NeedsValue
from runbook_exec.errors import Invalid
from runbook_exec.secret import Secret, leaked

LONGEST = 100_000
"""Characters or elements that one expression may yield."""

FILTERS = (
    "abs", "default", "dictsort", "first", "float", "int", "items", "join", "last", "length", "list",
    "lower", "map", "max", "min", "reject", "rejectattr", "replace", "round", "select", "selectattr",
    "sort", "string", "sum", "title", "trim", "unique", "upper",
)  # fmt: skip


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if isinstance(left, Deferred) or isinstance(right, Deferred):
            raise NeedsValue(left if isinstance(left, Deferred) else right)
        if operator == "**" or not numbers:
            raise SecurityError(f"'{operator}' works on numbers only here")
        return super().call_binop(context, operator, left, right)


def _environment() -> _Sandbox:
    env = _Sandbox(undefined=StrictUndefined, autoescape=False)
    env.globals.clear()
    env.filters = {name: env.filters[name] for name in FILTERS}
    return env


_ENV = _environment()


@cache
def _compiled(expression: str) -> Callable[..., Any]:
    return _ENV.compile_expression(expression, undefined_to_none=False)


@cache
def pieces(text: str) -> tuple[tuple[bool, str], ...]:  # noqa: C901 - one small state machine
    """Cut a text into (is_expression, content); raises `Invalid` for `{% … %}` and syntax errors."""
    found: list[tuple[bool, str]] = []
    expression: list[str] | None = None
    try:
        for _, kind, value in _ENV.lex(text):
            if kind == "variable_begin":
                expression = []
            elif kind == "variable_end":
                found.append((True, "".join(expression or []).strip()))
                expression = None
            elif kind in {"block_begin", "comment_begin", "linestatement_begin"}:
                raise Invalid(
                    f"{text.strip()!r} holds a {{% statement %}} or comment",
                    next_move="only {{ expressions }} stand in a runbook; use when: and for_each:",
                )
            elif expression is not None:
                expression.append(value)
            elif kind == "data":
                found.append((False, value))
        if expression is not None:
            raise Invalid(
                f"{text.strip()!r} opens {{{{ and does not close it", next_move="add the missing }}"
            )
        for is_expression, content in found:
            if is_expression:
                _compiled(content)
    except TemplateError as error:
        raise Invalid(
            f"{text.strip()!r} is no expression that can be computed: {error.message}",
            next_move="correct the expression between {{ and }}",
        ) from error
    return tuple(found)


def has_expression(value: Json) -> bool:
    """True if a string of the runbook, or one inside the value, holds `{{`."""
    return any("{{" in text for _, text in strings(value))


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


def names(text: str) -> Iterator[tuple[str, ...]]:
    """The dotted names that a text reads: `account.dn` gives ("account", "dn")."""
    for is_expression, content in pieces(text):
        if not is_expression:
            continue
        tree = _ENV.parse("{{ " + content + " }}")
        wanted = meta.find_undeclared_variables(tree)
        found: set[tuple[str, ...]] = set()
        for node in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Name)):
            path = _dotted(node)
            if path and path[0] in wanted:
                found.add(path)
        longest = {p for p in found if not any(q != p and q[: len(p)] == p for q in found)}
        yield from sorted(longest)


def _dotted(node: nodes.Node) -> tuple[str, ...]:
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        base = _dotted(node.node)
        return (*base, node.attr) if base else ()
    if (
        isinstance(node, nodes.Getitem)
        and isinstance(node.arg, nodes.Const)
        and isinstance(node.arg.value, str)
    ):
        base = _dotted(node.node)
        return (*base, node.arg.value) if base else ()
    return ()


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
        f"{text!r} gives {result!r}, which is neither true nor false",
        where=where,
        next_move="compare it with something, for example {{ … == 'yes' }} or {{ … is defined }}",
    )


def _render_text(text: str, names: Mapping[str, Any], where: str) -> Json:
    if "{{" not in text and "{%" not in text:
        return text
    try:
        cut = pieces(text)
    except Invalid as error:
        raise Invalid(error.what, where=where, next_move=error.next_move) from error
    values = [_evaluate(content, names, where) if is_expr else content for is_expr, content in cut]
    if len(values) == 1:
        return values[0]
    return _joined(values)


def _joined(values: list[Any]) -> Json:
    unknown = [value for value in values if isinstance(value, Deferred)]
    if unknown:
        label = "".join(repr(v) if isinstance(v, Deferred) else str(v) for v in values)
        parts = tuple(None if isinstance(v, Deferred) else str(v) for v in values)
        deferred = Deferred(unknown[0].step, "", parts)
        deferred.label = label
        return deferred
    secrets = [value for value in values if isinstance(value, Secret)]
    if any(secret.is_planned for secret in secrets):
        return Secret.planned(secrets[0].rule)
    text = "".join(v.reveal() if isinstance(v, Secret) else "" if v is None else str(v) for v in values)
    return Secret(text, rule=secrets[0].rule) if secrets else text


def _evaluate(expression: str, names: Mapping[str, Any], where: str) -> Any:
    token = leaked.set(False)
    try:
        result = _compiled(expression)(**names)
        if isinstance(result, Undefined):
            result._fail_with_undefined_error()  # noqa: SLF001 - jinja's own way to say which name
        if isinstance(result, Iterator):
            result = list(result)
        if isinstance(result, str | list | tuple | dict) and len(result) > LONGEST:
            raise Invalid(
                f"{{{{ {expression} }}}} yields more than {LONGEST} characters or elements", where=where
            )
        if leaked.get() and not isinstance(result, Secret):
            raise Invalid(
                f"{{{{ {expression} }}}} would put a secret into a text",
                where=where,
                next_move='pass the secret by itself: password: "{{ step.value }}"',
            )
    except NeedsValue as error:
        return error.deferred
    except (TemplateError, SecurityError) as error:
        raise Invalid(
            f"{{{{ {expression} }}}}: {error}",
            where=where,
            next_move=_hint(str(error), names),
        ) from error
    except (TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
        raise Invalid(f"{{{{ {expression} }}}}: {error}", where=where) from error
    else:
        return result
    finally:
        leaked.reset(token)


def _hint(message: str, names: Mapping[str, Any]) -> str:
    from difflib import get_close_matches

    wrong = re.search(r"'([^']+)' is undefined|attribute '([^']+)'", message)
    if not wrong:
        return ""
    known = set(names) | {str(key) for value in names.values() if isinstance(value, Mapping) for key in value}
    close = get_close_matches(wrong[1] or wrong[2], sorted(known), 1)
    return f"did you mean {close[0]!r}?" if close else "known names: " + ", ".join(sorted(names))
