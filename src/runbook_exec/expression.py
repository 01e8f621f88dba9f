"""One expression of a runbook: what it reads, what it yields.

Runbook text is trusted, the values that it handles are not: see `grammar` for what is
allowed. A guess is never a truth: whatever touches a value still to come waits for it.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from difflib import get_close_matches
from typing import Any, NoReturn

from jinja2 import TemplateError, Undefined, meta, nodes
from jinja2.environment import TemplateExpression
from jinja2.exceptions import SecurityError

from runbook_exec.change import Deferred, NeedsValue, computing, deferred_in
from runbook_exec.errors import Invalid
from runbook_exec.grammar import ENV, FILTERS, LONGEST, NOT_SHOWN, TOO_LONG, look_at
from runbook_exec.secret import Secret, leaked

LONGEST_TEXT = 2_000
"""Characters of an expression itself."""

_LARGEST = 2**63


@functools.lru_cache(4096)
def compiled(expression: str) -> TemplateExpression:
    """The expression ready to run; raises `Invalid` for what can never be one."""
    if len(expression) > LONGEST_TEXT:
        raise Invalid(
            f"an expression has {len(expression)} characters, the limit is {LONGEST_TEXT}",
            next_move="split it over several steps",
        )
    try:
        return ENV.compile_expression(expression, undefined_to_none=False)
    except TemplateError as error:
        raise Invalid(
            f"{{{{ {expression} }}}} is no expression that can be computed: {error.message}",
            next_move=_similar_filter(error.message or "") or "correct the expression between {{ and }}",
        ) from error
    except (RecursionError, SyntaxError, MemoryError, ValueError, OverflowError) as error:
        raise Invalid(
            f"an expression is too large to be read: {expression[:40]}…",
            next_move="make it shorter and less nested",
        ) from error


@functools.lru_cache(4096)
def pieces(text: str) -> tuple[tuple[bool, str], ...]:
    """Cut a text into (is_expression, content); raises `Invalid` for `{% … %}` and syntax errors."""
    try:
        found = tuple(_cut(text))
    except TemplateError as error:
        raise Invalid(
            f"{_short(text)} is no expression that can be computed: {error.message}",
            next_move="correct the expression between {{ and }}",
        ) from error
    except ValueError as error:  # a number of thousands of digits
        raise Invalid(f"{_short(text)} cannot be read", next_move="write a shorter number") from error
    for is_expression, content in found:
        if is_expression:
            compiled(content)
    return found


def _cut(text: str) -> Iterator[tuple[bool, str]]:
    expression: list[str] | None = None
    for _, kind, value in ENV.lex(text):
        if kind == "variable_begin":
            expression = []
        elif kind == "variable_end":
            yield True, "".join(expression or []).strip()
            expression = None
        elif kind.endswith("_begin"):
            raise Invalid(
                f"{_short(text)} holds a {{% statement %}} or a comment",
                next_move="only {{ expressions }} stand in a runbook; use when: and for_each:",
            )
        elif expression is not None:
            expression.append(value)
        elif kind == "data":
            yield False, value
    if expression is not None:
        raise Invalid(f"{_short(text)} opens {{{{ and does not close it", next_move="add the missing }}")


def names(text: str) -> Iterator[tuple[str, ...]]:
    """The dotted names that a text reads: `account.dn` gives ("account", "dn")."""
    for tree in _trees(text):
        wanted = meta.find_undeclared_variables(tree)
        found: set[tuple[str, ...]] = set()
        for node in tree.find_all((nodes.Getattr, nodes.Getitem, nodes.Name)):
            path = _dotted(node)
            if path and path[0] in wanted:
                found.add(path)
        yield from sorted(p for p in found if not any(q != p and q[: len(p)] == p for q in found))


def guarded(text: str) -> set[str]:
    """Names that a text reads only after asking: `default`, `is defined`, `.skipped`, `a or b`, `b if a`."""
    asked: set[str] = {path[0] for path in names(text) if path[1:] == ("skipped",)}
    for tree in _trees(text):
        for node in tree.find_all((nodes.Filter, nodes.Test, nodes.And, nodes.Or, nodes.CondExpr)):
            match node:
                case (
                    nodes.Filter(name="default", node=inner)
                    | nodes.Test(name="defined" | "undefined", node=inner)
                ):
                    asked.update(_dotted(inner)[:1] if inner else ())
                case nodes.And(right=inner) | nodes.Or(right=inner):
                    asked.update(_roots(inner))
                case nodes.CondExpr(expr1=inner, expr2=other):
                    asked.update(_roots(inner), _roots(other) if other else ())
    return asked


def _roots(node: nodes.Node) -> set[str]:
    found = {name.name for name in node.find_all(nodes.Name)}
    return found | ({node.name} if isinstance(node, nodes.Name) else set())


def failing_constant(text: str) -> Invalid | None:
    """What is wrong with the parts of a text that read no name and so fail always: `1 / 0`."""
    for tree in _trees(text):
        for node in tree.find_all(nodes.Expr):
            if not isinstance(node, _COMPUTED) or any(True for _ in node.find_all(nodes.Name)):
                continue
            body: list[nodes.Node] = [nodes.Assign(nodes.Name("result", "store"), node, lineno=1)]
            template = ENV.from_string(nodes.Template(body, lineno=1))
            try:
                _settled(TemplateExpression(template, undefined_to_none=False)())
            except (NeedsValue, *_FAILURES) as error:
                return Invalid(f"{_short(text)} can never be computed: {error}", next_move="correct it")
    return None


_COMPUTED = (
    nodes.BinExpr,
    nodes.UnaryExpr,
    nodes.Filter,
    nodes.Test,
    nodes.Compare,
    nodes.Call,
    nodes.Concat,
    nodes.Getattr,
    nodes.Getitem,
)
_FAILURES = (
    TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    LookupError,
    NameError,  # 1e999 is compiled as `inf`
    RecursionError,
)


def _trees(text: str) -> Iterator[nodes.Template]:
    for is_expression, content in pieces(text):
        if is_expression:
            yield ENV.parse("{{ " + content + " }}")


def _dotted(node: nodes.Node) -> tuple[str, ...]:
    match node:
        case nodes.Name(name=name):
            return (name,)
        case (
            nodes.Getattr(node=inner, attr=name) | nodes.Getitem(node=inner, arg=nodes.Const(value=str(name)))
        ):
            base = _dotted(inner)
            return (*base, name) if base else ()
        case _:
            return ()


def evaluate(expression: str, known: Mapping[str, Any], where: str = "") -> Any:
    """The value of an expression as plain JSON, a `Secret`, or a `Deferred` that it waits for."""
    shown, busy = leaked.set(False), computing.set(True)
    try:
        result = _settled(compiled(expression)(dict(known)))
        if leaked.get():
            raise SecurityError(NOT_SHOWN)
    except NeedsValue as error:
        return error.deferred
    except TemplateError as error:
        raise Invalid(
            f"{{{{ {expression} }}}}: {error}", where=where, next_move=_hint(error, known)
        ) from error
    except _FAILURES as error:
        waits_for = _waits_for(expression, known)
        if waits_for is not None:
            return waits_for
        raise Invalid(
            f"{{{{ {expression} }}}}: {error}", where=where, next_move="correct the expression"
        ) from error
    else:
        return result
    finally:
        leaked.reset(shown)
        computing.reset(busy)


def _waits_for(expression: str, known: Mapping[str, Any]) -> Deferred | None:
    """The first value still to come that the expression reads (`x in 'text'` fails without saying so)."""
    for path in names("{{ " + expression + " }}"):
        value: Any = known
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else value
        for deferred in deferred_in(value):
            return deferred
    return None


class _Settling:
    """Turns a result into plain JSON: nothing lazy, nothing undefined, nothing without bound."""

    def __init__(self) -> None:
        self.left = LONGEST

    def value(self, value: Any) -> Any:
        self.left -= len(value) if isinstance(value, str) else 1
        if self.left < 0:
            raise SecurityError(TOO_LONG)
        match value:
            case Undefined():
                _fail(value)
            case None | bool() | Deferred() | Secret():
                return value
            case str():
                return str(value)
            case int() | float():
                return _number(value)
            case Mapping():
                return {_key(key): self.value(item) for key, item in value.items()}
            case list() | tuple() | Iterator() | KeysView() | ValuesView() | ItemsView():
                return [self.value(item) for item in value]
        raise SecurityError(f"this gives a {type(value).__name__}, which is no value")


def _settled(result: Any) -> Any:
    return _Settling().value(result)


def _number(value: float) -> float:
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise SecurityError("the number is too large")
    if not math.isfinite(value):
        raise SecurityError("the result is no number")
    return value


def _key(key: Any) -> str:
    look_at(key)
    if not isinstance(key, str):
        raise SecurityError("the keys of a mapping are texts")
    return key


def _fail(undefined: Undefined) -> NoReturn:
    undefined._fail_with_undefined_error()  # noqa: SLF001 - jinja's own way to say which name


def _hint(error: TemplateError, known: Mapping[str, Any]) -> str:
    message = str(error)
    if message == NOT_SHOWN:
        return 'pass the secret by itself: password: "{{ step.value }}"'
    wrong = re.search(r"'([^']+)' is undefined|has no (?:attribute )?'([^']+)'", message)
    if not wrong:
        return "correct the expression"
    inner = {str(key) for value in known.values() if isinstance(value, Mapping) for key in value}
    close = get_close_matches(wrong[1] or wrong[2], sorted({*known, *inner}), 1)
    if close:
        return f"did you mean {close[0]!r}?"
    return (
        "known names: " + ", ".join(sorted(known)) if wrong[1] else "name what may be missing with default()"
    )


def _similar_filter(message: str) -> str:
    wrong = re.search(r"No (?:filter|test) named '([^']+)'", message)
    if not wrong:
        return ""
    close = get_close_matches(wrong[1], [*FILTERS, *ENV.tests], 1)
    return f"did you mean {close[0]!r}?" if close else "allowed filters: " + ", ".join(FILTERS)


def _short(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 80 else text[:79] + "…")
