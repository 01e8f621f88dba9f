"""JSON Schema findings as sentences with a place and a next move, all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

import msgspec

from runbook_exec.errors import Invalid

Where = Callable[[tuple[str | int, ...]], str]
"""Path inside the document → the text that names its place."""


def problems(data: Any, schema: Mapping[str, Any], where: Where) -> Iterator[Invalid]:
    """Everything in `data` that `schema` does not allow, in the order of the document."""
    import jsonschema_rs

    validator = _validator(msgspec.json.encode(schema))
    found = sorted(validator.iter_errors(data), key=lambda e: [str(part) for part in e.instance_path])
    for error in found:
        yield from _explained(error, schema, where, jsonschema_rs)


@cache
def _validator(schema: bytes) -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(msgspec.json.decode(schema), validate_formats=True)


def _explained(error: Any, schema: Mapping[str, Any], where: Where, rs: Any) -> Iterator[Invalid]:
    kinds = rs.ValidationErrorKind
    path = tuple(error.instance_path)
    kind = error.kind
    if isinstance(kind, kinds.AdditionalProperties):
        known = sorted(_properties(schema, list(error.schema_path)))
        for name in kind.unexpected:
            yield Invalid(
                f"{name!r} is not known here", where=where((*path, name)), next_move=nearest(name, known)
            )
    elif isinstance(kind, kinds.Required):
        label = path[-1] if path else "the document"
        yield Invalid(
            f"{kind.property!r} is missing in {label!r}" if path else f"{kind.property!r} is missing",
            where=where(path),
            next_move=f"add {kind.property}: …",
        )
    elif isinstance(kind, kinds.Enum):
        options = [str(option) for option in kind.options]
        yield Invalid(
            f"{_short(error.instance)} is none of the allowed values",
            where=where(path),
            next_move=nearest(str(error.instance), options),
        )
    else:
        yield Invalid(
            _sentence(error.message), where=where(path), next_move=_meaning(schema, list(error.schema_path))
        )


def nearest(word: str, known: list[str]) -> str:
    """`did you mean …?`, or the list to choose from."""
    close = get_close_matches(word, known, 1, 0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return "allowed: " + ", ".join(known) if known else "remove it"


def _sentence(message: str) -> str:
    return message if len(message) < 200 else message[:197] + "…"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "…"


def _properties(schema: Any, path: list[Any]) -> set[str]:
    part = _follow(schema, path[:-1])
    return set(part.get("properties", {})) if isinstance(part, Mapping) else set()


def _meaning(schema: Any, path: list[Any]) -> str:
    part = _follow(schema, path[:-1])
    text = part.get("description", "") if isinstance(part, Mapping) else ""
    return f"this is {text}" if text else ""


def _follow(schema: Any, path: list[Any]) -> Any:
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
    return part
