"""What may stand between `{{` and `}}`: a Jinja sandbox with everything needless taken out.

No method but a few harmless ones, no attribute of Python's own, nothing that grows beyond
a bound, and no way to look at a secret. A value that an earlier step will supply
(`Deferred`) makes the whole expression wait for it, whatever is done to it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes, pass_environment
from jinja2.exceptions import SecurityError
from jinja2.filters import do_join, do_sum
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runbook_exec import almanac
from runbook_exec.change import Deferred, NeedsValue
from runbook_exec.secret import Secret

LONGEST = 100_000
"""Characters and elements, all together, that one expression may yield."""

FILTERS = (
    "abs", "at", "default", "dictsort", "first", "float", "int", "items", "join", "last", "length", "list",
    "lower", "map", "max", "min", "plus_days", "plus_workdays", "reject", "rejectattr", "replace", "round", "select", "selectattr",
    "sort", "string", "sum", "title", "trim", "unique", "upper",
)  # fmt: skip

METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        ("capitalize", "casefold", "count", "endswith", "find", "isalnum", "isalpha", "isascii", "isdigit",
         "islower", "isnumeric", "isspace", "isupper", "lower", "lstrip", "partition", "removeprefix",
         "removesuffix", "rpartition", "rsplit", "rstrip", "split", "splitlines", "startswith", "strip",
         "title", "upper")
    ),
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
}  # fmt: skip
"""What may be called. Nothing here yields more than it was given."""

NOT_SHOWN = "a secret is passed on as it is; it cannot be looked at, compared or built into a text"
TOO_LONG = f"this yields more than {LONGEST} characters or elements"
_LOOKS_NOT = frozenset({"defined", "undefined", "none"})


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset({"+", "-"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        look_at(left, right)
        if operator == "**":
            raise SecurityError("powers (**) are not allowed")
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator in {"*", "%"} and not numbers:
            raise SecurityError(f"'{operator}' works on numbers only here")
        return super().call_binop(context, operator, left, right)

    def call_unop(self, context: Any, operator: str, arg: Any) -> Any:
        look_at(arg)
        return super().call_unop(context, operator, arg)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Deferred) and not attribute.startswith("_"):
            return Deferred.__getattr__(obj, attribute)
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]  # a key named `items` or `get` is the key, not the method
        return self._part(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        _wait_for(argument)
        if isinstance(obj, Deferred):
            return self.getattr(obj, argument) if str(argument).isidentifier() else obj[argument]
        if isinstance(obj, Secret):
            raise SecurityError(NOT_SHOWN)
        try:
            return obj[argument]
        except (TypeError, LookupError):
            return self._part(obj, argument) if isinstance(argument, str) else self._missing(obj, argument)

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        look_at(obj, *args, *kwargs.values())
        return super().call(context, obj, *args, **kwargs)

    def _part(self, obj: Any, name: str) -> Any:
        if isinstance(obj, Secret):
            raise SecurityError(NOT_SHOWN)
        if isinstance(obj, Undefined):
            return getattr(obj, name)  # says which name is undefined
        if any(isinstance(obj, kind) and name in allowed for kind, allowed in METHODS.items()):
            return getattr(obj, name)
        return self._missing(obj, name)

    def _missing(self, obj: Any, name: Any) -> Undefined:
        kinds = {str: "a text", dict: "a mapping", list: "a list", bool: "true or false", int: "a number"}
        what = kinds.get(type(obj), "this value")
        return self.undefined(f"{what} has no {name!r} here", obj=obj, name=name)


def _wait_for(*values: Any) -> None:
    for value in values:
        if isinstance(value, Deferred):
            raise NeedsValue(value)


def look_at(*values: Any) -> None:
    """The values are about to be computed with: they must be known, and no secrets."""
    _wait_for(*values)
    if any(isinstance(value, Secret) for value in values):
        raise SecurityError(NOT_SHOWN)


def _looking(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def looks(*args: Any, **kwargs: Any) -> Any:
        look_at(*args, *kwargs.values())
        return function(*args, **kwargs)

    return looks


def _not_looking(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def waits(*args: Any, **kwargs: Any) -> Any:
        _wait_for(*args, *kwargs.values())
        return function(*args, **kwargs)

    return waits


@pass_environment
def _join(env: _Sandbox, value: Any, d: str = "", attribute: str | int | None = None) -> str:
    parts = list(_bounded(value))
    if len(parts) * len(d) > LONGEST:
        raise SecurityError(TOO_LONG)
    return str(do_join(nodes.EvalContext(env), parts, d, attribute))


def _replace(value: Any, old: str, new: str, count: int = -1) -> str:
    text, found = str(value), str(value).count(old)
    if found * len(new) > LONGEST:
        raise SecurityError(TOO_LONG)
    return text.replace(old, new, count)


def _round(value: float, precision: int = 0) -> float:
    if not -15 <= precision <= 15:
        raise SecurityError("round takes at most 15 digits")
    return round(value, precision)


_UNSET = object()


def _number(kind: type[int | float], value: Any, default: Any) -> Any:
    try:
        number = kind(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isfinite(number):
        return number
    if default is _UNSET:
        raise SecurityError(f"{value!r:.40} is no number; give a default: int(0)")
    return default


def _int(value: Any, default: Any = _UNSET) -> Any:
    return _number(int, value, default)


def _float(value: Any, default: Any = _UNSET) -> Any:
    return _number(float, value, default)


@pass_environment
def _sum(env: _Sandbox, value: Any, attribute: str | int | None = None) -> Any:
    return do_sum(env, value, attribute)


def _bounded(values: Any) -> Iterator[Any]:
    for number, value in enumerate(values):
        if number > LONGEST:
            raise SecurityError(TOO_LONG)
        yield value


def _environment() -> _Sandbox:
    env = _Sandbox(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
    env.globals.clear()
    dates = {"at": almanac.at, "plus_days": almanac.plus_days, "plus_workdays": almanac.plus_workdays}
    ours: dict[str, Callable[..., Any]] = {
        **dates,
        "float": _float,
        "int": _int,
        "join": _join,
        "replace": _replace,
        "round": _round,
        "sum": _sum,
    }
    env.filters = {
        name: env.filters[name]
        if name == "default"
        else _looking(ours[name] if name in ours else env.filters[name])
        for name in FILTERS
    }
    tests: Any = env.tests
    env.tests = {
        name: (_not_looking if name in _LOOKS_NOT else _looking)(test) for name, test in tests.items()
    }
    return env


ENV = _environment()
"""The one environment; it has no state but its cache."""
