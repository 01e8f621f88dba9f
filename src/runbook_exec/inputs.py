"""Inputs from a command line, a file or a webhook → checked values, secrets wrapped.

Everything here is hostile until it passed the runbook's schema. Texts become numbers or
truth values only where the schema asks for them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from runbook_exec import check, document
from runbook_exec.errors import Invalid, Problems
from runbook_exec.secret import Secret


def from_pairs(pairs: tuple[str, ...], schema: Mapping[str, Any]) -> dict[str, Any]:
    """`person.given_name=Anna` → {"person": {"given_name": "Anna"}}, typed by the schema."""
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise Invalid(f"-i {pair!r} has no name=value", next_move="write -i person.given_name=Anna")
        part, at = values, name.split(".")
        for key in at[:-1]:
            part = part.setdefault(key, {})
            if not isinstance(part, dict):
                raise Invalid(
                    f"-i {name}: {key} is set to a value and has parts", next_move="give one of the two"
                )
        part[at[-1]] = typed(text, property_schema(schema, at))
    return values


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
    if "boolean" in kinds and text.lower() in {"true", "false", "yes", "no", "ja", "nein"}:
        return text.lower() in {"true", "yes", "ja"}
    for kind, convert in (("integer", int), ("number", float)):
        if kind in kinds:
            try:
                return convert(text)
            except ValueError:
                continue
    if "array" in kinds:
        items = schema.get("items", {})
        return [typed(part.strip(), items) for part in text.split(",") if part.strip()]
    return text


def checked(values: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Validate, fill in defaults, wrap secrets; raises `Problems` naming each wrong input."""
    filled = _with_defaults(dict(values), schema)
    found = list(check.problems(filled, schema, lambda path: "input " + ".".join(map(str, path))))
    found += list(_hidden_characters(filled))
    if found:
        raise Problems(found)
    return wrap_secrets(filled, schema)


def missing(
    values: Mapping[str, Any], schema: Mapping[str, Any], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Required inputs without a value, deepest first asked: (path, schema of that one)."""
    for name in schema.get("required", ()):
        sub = schema.get("properties", {}).get(name, {})
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
        inner = schema.get("properties", {})
        return {key: wrap_secrets(item, inner.get(key, {})) for key, item in value.items()}
    return value


def _with_defaults(values: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    for name, sub in schema.get("properties", {}).items():
        if name not in values and "default" in sub:
            values[name] = sub["default"]
        if isinstance(values.get(name), dict):
            values[name] = _with_defaults(dict(values[name]), sub)
    return values


def _hidden_characters(value: Any, path: str = "") -> Iterator[Invalid]:
    """NUL, control and direction-changing characters: what is shown must be what is meant."""
    if isinstance(value, str):
        for character in value:
            if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"} and character not in "\n\t":
                yield Invalid(
                    f"holds the invisible character U+{ord(character):04X} ({unicodedata.name(character, 'control')})",
                    where=f"input {path}",
                    next_move="type the value again by hand",
                )
                return
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _hidden_characters(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _hidden_characters(item, f"{path}.{index}")


def _types(schema: Mapping[str, Any]) -> set[str]:
    kind = schema.get("type", ())
    return {kind} if isinstance(kind, str) else set(kind)


def _set(values: Any, path: tuple[str | int, ...], text: str) -> None:
    for key in path[:-1]:
        values = values[key]
    values[path[-1]] = text
