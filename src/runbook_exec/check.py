"""JSON Schema findings as sentences with a place and a next move, all of them at once.

A value that the schema calls `secret: true` is never repeated in a sentence, nor is
anything that could hold one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import msgspec

from runbook_exec.errors import Invalid

Path = tuple[str | int, ...]

Where = Callable[[Path], str]
"""Path inside the document → the text that names its place."""

TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing in a document that its schema does not allow."""

    kind: str
    """The keyword of the schema that says so: `type`, `required`, …"""
    path: Path
    instance: Any
    about: Mapping[str, Any]
    """The part of the schema that says so."""
    what: str
    next_move: str


def problems(data: Any, schema: Mapping[str, Any], where: Where) -> Iterator[Invalid]:
    """Everything in `data` that `schema` does not allow, part by part."""
    for found in findings(data, schema):
        yield Invalid(found.what, where=where(found.path), next_move=found.next_move)


def findings(data: Any, schema: Mapping[str, Any]) -> list[Finding]:
    """The same, for those who want to look at each before they tell it."""
    validator = _validator(msgspec.json.encode(schema, order="deterministic"))
    return [
        found
        for error in sorted(validator.iter_errors(data), key=_order)
        for found in _explained(error, schema)
    ]


def _order(error: Any) -> list[tuple[int, str]]:
    return [(part, "") if isinstance(part, int) else (0, part) for part in error.instance_path]


@lru_cache(256)
def _validator(schema: bytes) -> Any:
    import jsonschema_rs

    # offline: a schema that names another by its address must not make us fetch it.
    return jsonschema_rs.Draft202012Validator(
        msgspec.json.decode(schema), validate_formats=True, offline=True
    )


def _explained(error: Any, schema: Mapping[str, Any]) -> Iterator[Finding]:
    kind, path = error.kind.as_dict(), tuple(error.instance_path)
    steps = list(error.schema_path)
    about = _follow(schema, steps[:-1])
    match error.kind.name:
        case "additionalProperties" | "unevaluatedProperties":
            known = sorted(about.get("properties", {}))
            for name in kind["unexpected"]:
                yield _found(error, about, (*path, name), f"{name!r} is not known here", nearest(name, known))
        case "required" | "dependentRequired":
            label = f" in {path[-1]!r}" if path else ""
            name = kind["property"]
            meaning = _described(about.get("properties", {}).get(name), "wanted: ")
            yield _found(
                error,
                about,
                path,
                f"{name!r} is missing{label}",
                f"add {name}: …" + (f" ({meaning})" if meaning else ""),
            )
        case "anyOf" | "oneOf":
            yield from _of_branches(error, kind.get("context", ()), schema, about)
        case "propertyNames":
            yield _found(error, about, path, "a name in here is not allowed", _meaning(about))
        case name:
            secret = about.get("secret") is True
            sentence = _sentence(name, kind, about)
            if name == "pattern" and _meaning(about):
                sentence = "does not have the form that is wanted"  # which the next move tells in words
            what = f"{_value(error.instance, secret=secret)} {sentence}"
            options = [str(option) for option in kind.get("options", ())]
            move = nearest("" if secret else str(error.instance), options) if options else ""
            if name == "type" and "string" in kind["types"] and isinstance(error.instance, int | float):
                move = "put it in quotes"
            yield _found(error, about, path, what, move or _meaning(about))


def _found(error: Any, about: Mapping[str, Any], path: Path, what: str, next_move: str) -> Finding:
    return Finding(
        kind=error.kind.name,
        path=path,
        instance=error.instance,
        about=about,
        what=what,
        next_move=next_move or "correct it",
    )


def _of_branches(
    error: Any, context: Any, schema: Mapping[str, Any], about: Mapping[str, Any]
) -> Iterator[Finding]:
    """Of several allowed forms, what is wrong with the one that was probably meant."""
    path, own = tuple(error.instance_path), len(error.instance_path)
    branches = [list(branch) for branch in context]
    if not all(branches):  # a branch without an error fits
        yield _found(error, about, path, "more than one of the allowed forms fits", "give one of them")
        return
    meant = max(branches, key=lambda branch: max(len(inner.instance_path) for inner in branch))
    if max(len(inner.instance_path) for inner in meant) > own:
        for inner in meant:
            yield from _explained(inner, schema)
        return
    wanted = [
        str(inner.kind.as_dict()["property"])
        for branch in branches
        for inner in branch
        if inner.kind.name == "required"
    ]
    if len(wanted) == len(branches):
        yield _found(
            error, about, path, f"exactly one of {', '.join(wanted)} is wanted here", f"write {wanted[0]}: …"
        )
        return
    types = [
        kind
        for branch in branches
        for inner in branch
        if inner.kind.name == "type"
        for kind in inner.kind.as_dict()["types"]
    ]
    kept = [branch for branch in branches if all(inner.kind.name != "type" for inner in branch)]
    if len(kept) == 1:
        for inner in kept[0]:
            yield from _explained(inner, schema)
        return
    what = (
        f"{_value(error.instance)} is not {_either(types)}" if types else "this has none of the allowed forms"
    )
    yield _found(error, about, path, what, _meaning(about))


_SENTENCES = {
    "enum": "is none of the allowed values",
    "const": "is not {const!r}",
    "pattern": "does not have the form {pattern}",
    "format": "is no {format}",
    "minLength": "is too short: at least {limit} characters",
    "maxLength": "is too long: at most {limit} characters",
    "minItems": "has too few parts: at least {limit}",
    "minProperties": "has too few parts: at least {limit}",
    "maxItems": "has too many parts: at most {limit}",
    "maxProperties": "has too many parts: at most {limit}",
    "minimum": "is too small: at least {limit}",
    "exclusiveMinimum": "is too small: more than {limit}",
    "maximum": "is too large: at most {limit}",
    "exclusiveMaximum": "is too large: less than {limit}",
    "multipleOf": "is no multiple of {multiple_of}",
    "uniqueItems": "holds the same element twice",
    "falseSchema": "is not allowed here",
}


def _sentence(name: str, kind: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    if name == "type":
        return f"is not {_either(kind['types'])}"
    return _SENTENCES.get(name, f"is not allowed ({name})").format_map({"const": about.get("const"), **kind})


def _either(types: Any) -> str:
    return " or ".join(dict.fromkeys(TYPES.get(str(kind), str(kind)) for kind in types))


def _value(value: Any, *, secret: bool = False) -> str:
    """The value, where it is short and cannot hold a secret."""
    if secret:
        return "the secret"
    if isinstance(value, Mapping):
        return "this mapping"
    if isinstance(value, list):
        return "this list"
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def nearest(word: str, known: list[str]) -> str:
    """`did you mean …?`, or the list to choose from."""
    close = get_close_matches(word, known, 1, 0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return "allowed: " + ", ".join(known) if known else "remove it"


def _meaning(about: Mapping[str, Any]) -> str:
    return _described(about, "wanted: ").strip()


def _described(about: Any, lead: str) -> str:
    text = about.get("description", "") if isinstance(about, Mapping) else ""
    return f"{lead}{text}" if text else ""


def _follow(schema: Any, path: list[Any]) -> Mapping[str, Any]:
    root = part = schema
    for key in path:
        if key == "$ref":
            continue
        try:
            part = part[key]
        except (KeyError, IndexError, TypeError):
            return {}
        while isinstance(part, Mapping) and "$ref" in part:
            part = _follow(root, str(part["$ref"]).removeprefix("#/").split("/"))
    return part if isinstance(part, Mapping) else {}
