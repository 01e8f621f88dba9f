"""Inputs from a command line, a file or a webhook → checked values, secrets wrapped.

Everything here is hostile until it passed the runbook's schema. Texts become numbers or
truth values only where the schema asks for them.
"""

from __future__ import annotations

import copy
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from runbook_exec import check, document
from runbook_exec.document import MAX_DEPTH
from runbook_exec.errors import Invalid, Problems
from runbook_exec.secret import Secret
from runbook_exec.visible import is_hidden, visible


def from_pairs(pairs: tuple[str, ...], schema: Mapping[str, Any]) -> dict[str, Any]:
    """`person.given_name=Anna` → {"person": {"given_name": "Anna"}}, typed by the schema."""
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        at = name.split(".")
        if not equals or not all(at) or len(at) > MAX_DEPTH:
            raise Invalid(f"-i {name[:40]!r} has no name=value", next_move="write -i person.given_name=Anna")
        part = values
        for key in at[:-1]:
            part = part.setdefault(key, {})
            if not isinstance(part, dict):
                raise _twice(name)
        if at[-1] in part:
            raise _twice(name)
        part[at[-1]] = typed(text, property_schema(schema, at))
    return values


def _twice(name: str) -> Invalid:
    return Invalid(
        f"-i {name}: the input is given twice, or as a whole and in parts", next_move="give it once"
    )


def from_file(text: bytes, *, file: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A YAML or JSON file of inputs; unquoted scalars become text where the schema wants text."""
    doc = document.parse(text, file=file)
    if not isinstance(doc.data, dict):
        raise Invalid("inputs are names with values", where=file, next_move="write name: value")
    values = doc.data
    for path, written in doc.plain.items():
        if "string" in _types(property_schema(schema, [str(part) for part in path])):
            _set(values, path, written)
    return values


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, mapping by mapping."""
    out = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(out.get(key), Mapping)
        out[key] = merged(out[key], value) if both else value
    return out


def typed(text: str, schema: Mapping[str, Any]) -> Any:
    """A text as the type that the schema asks for; left as text where it does not fit."""
    kinds = _types(schema)
    if "string" in kinds or not kinds:
        return text
    if "boolean" in kinds and text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if kinds & {"integer", "number"} and _INTEGER.fullmatch(text):
        return int(text)
    if "number" in kinds and _DECIMAL.fullmatch(text):
        return float(text)
    if "array" in kinds:
        items = schema.get("items")
        inner = items if isinstance(items, Mapping) else {}
        return [typed(part.strip(), inner) for part in text.split(",") if part.strip()]
    return text


_TRUTH = {"true": True, "yes": True, "ja": True, "false": False, "no": False, "nein": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")


def checked(values: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Validate, fill in defaults, wrap secrets; raises `Problems` naming each wrong input."""
    _refuse_depth(values)
    filled = _with_defaults(values, schema)
    unreadable = list(_unreadable(filled))
    found = [*_unfit(filled, schema), *unreadable]
    if found:
        raise Problems(found)
    return {name: wrap_secrets(value, property_schema(schema, [name])) for name, value in filled.items()}


def _unfit(values: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Invalid]:
    try:
        return [
            Invalid(
                found.what,
                where=_where(found.path),
                next_move=_how_to_give(found, schema) or found.next_move,
            )
            for found in check.findings(values, schema)
        ]
    except UnicodeEncodeError:
        return []  # half a character; told as unreadable


def _how_to_give(found: check.Finding, schema: Mapping[str, Any]) -> str:
    """Where a whole input is missing: the options that give one."""
    if found.kind != "required" or found.path:
        return ""
    missing_ones = [
        ".".join(path) for path, _ in missing(found.instance, schema) if f"'{path[0]}'" in found.what
    ]
    return "give it in a file: --inputs FILE; or by name: " + " ".join(
        f"-i {name}=…" for name in missing_ones
    )


def _where(path: tuple[str | int, ...]) -> str:
    return visible("input " + ".".join(map(str, path))) if path else "inputs"


def given_again(
    began: Mapping[str, Any], given: Mapping[str, Any], schema: Mapping[str, Any]
) -> dict[str, Any]:
    """The inputs that a run began with, and again the secrets that only memory held.

    Anything else stays as it was: a value that is another one now is refused.
    """
    for path, value in _leaves(given):
        sub = property_schema(schema, list(path))
        if sub.get("secret") is not True and _at(began, path) != value:
            raise Invalid(
                "the inputs of a run stay as they were; only its secrets are given again",
                where=_where(path),
                next_move="begin another run for another value",
            )
        found = [Invalid(each.what, where=_where(path)) for each in check.problems(value, sub, lambda _: "")]
        found += _unreadable(value, path)
        if found:
            raise Problems(found)
    return {
        name: wrap_secrets(value, property_schema(schema, [name]))
        for name, value in merged(began, given).items()
    }


def _leaves(values: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _at(values: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values


def missing(
    values: Mapping[str, Any], schema: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Required inputs without a value, deepest first asked: (path, schema of that one)."""
    for name in schema.get("required", ()):
        sub = property_schema(schema, [name])
        if "object" in _types(sub):
            inner = values.get(name)
            yield from missing(inner if isinstance(inner, Mapping) else {}, sub, (*path, name))
        elif name not in values and "default" not in sub:
            yield (*path, name), sub


def property_schema(schema: Mapping[str, Any], path: list[str]) -> Mapping[str, Any]:
    """The schema of one input by its path; empty where the schema says nothing."""
    part: Any = schema
    for name in path:
        inner = part.get("properties", {}).get(name) if isinstance(part, Mapping) else None
        part = inner if inner is not None else part.get("items", {}) if name.isdigit() else {}
    return part if isinstance(part, Mapping) else {}


def wrap_secrets(value: Any, schema: Mapping[str, Any]) -> Any:
    """Values whose schema says `secret: true` become `Secret`."""
    if schema.get("secret") is True and isinstance(value, str):
        return Secret(value, rule="a secret input")
    if isinstance(value, Mapping):
        return {key: wrap_secrets(item, property_schema(schema, [key])) for key, item in value.items()}
    if isinstance(value, list):
        items = schema.get("items")
        return [wrap_secrets(item, items if isinstance(items, Mapping) else {}) for item in value]
    return value


def _with_defaults(values: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    filled = dict(values)
    for name, sub in schema.get("properties", {}).items():
        if not isinstance(sub, Mapping):
            continue
        if name not in filled and "default" in sub:
            filled[name] = copy.deepcopy(sub["default"])
        if isinstance(filled.get(name), Mapping):
            filled[name] = _with_defaults(filled[name], sub)
    return filled


def _refuse_depth(values: Any) -> None:
    level = [values]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for value in level
            if isinstance(value, Mapping | list)
            for item in (value.values() if isinstance(value, Mapping) else value)
        ]
    if level:
        raise Invalid(f"nested deeper than {MAX_DEPTH} levels", where="inputs", next_move="give plain values")


def _unreadable(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[Invalid]:
    """NUL, control, invisible and direction-changing characters: what is shown must be what is meant."""
    if isinstance(value, str):
        hidden = next((c for c in value if is_hidden(c) and c not in "\n\t"), "")
        if hidden:
            yield Invalid(
                f"holds the invisible character U+{ord(hidden):04X} ({unicodedata.name(hidden, 'control')})",
                where=_where(path),
                next_move="type the value again by hand",
            )
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key.startswith("$"):
                yield Invalid(
                    f"the name {visible(key)!r} begins with $",
                    where=_where(path),
                    next_move="give it another name",
                )
            yield from _unreadable(key, (*path, key))
            yield from _unreadable(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unreadable(item, (*path, index))


def _types(schema: Mapping[str, Any]) -> set[str]:
    kind = schema.get("type", ())
    return {kind} if isinstance(kind, str) else set(kind)


def _set(values: Any, path: tuple[str | int, ...], text: str) -> None:
    for key in path[:-1]:
        values = values[key]
    values[path[-1]] = text
