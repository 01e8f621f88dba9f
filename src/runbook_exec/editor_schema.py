"""The runbook format with every action's arguments as one JSON Schema, for editors.

It completes and checks while somebody writes; `lint` knows more (names, order, safety).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook_exec.model import OnFailure
from runbook_exec.runbook_format import (
    GATE,
    GATE_DEFS,
    HUMAN_STEP,
    PARALLEL,
    RUNBOOK,
    SCHEMA_ID,
    STEP,
    STEP_PROPERTIES,
)

_EXPRESSION = {"type": "string", "pattern": "\\{\\{"}

_PROPERTIES = {
    **STEP_PROPERTIES,
    "on_failure": {**STEP_PROPERTIES["on_failure"], "enum": [choice.value for choice in OnFailure]},
}


def editor_schema(
    arguments: Mapping[str, Mapping[str, Any]], explained: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The whole format.

    `arguments` maps an action's name to the JSON Schema of its `with:`, `explained` to a
    text about it.
    """
    defs: dict[str, Any] = dict(GATE_DEFS)
    branches = []
    for name, schema in sorted(arguments.items()):
        key = name.replace(".", "_")
        for part, body in schema.get("$defs", {}).items():
            defs[f"{key}_{part}"] = _renamed(templated(body), key)
        main = schema["$ref"].rpartition("/")[2]
        branches.append(_branch(name, f"#/$defs/{key}_{main}", schema["$defs"][main]))
    uses = [_named(name, (explained or {}).get(name, "")) for name in sorted(arguments)]
    human = {name: body for name, body in _PROPERTIES.items() if name != "uses"}
    human["with"] = {"$ref": "#/$defs/people_confirm_ConfirmArgs"} if "people.confirm" in arguments else {}
    defs["action"] = {**STEP, "properties": {**_PROPERTIES, "uses": {"anyOf": uses}}, "allOf": branches}
    defs["human"] = {**HUMAN_STEP, "properties": {**human, "with": _without_title(human["with"], defs)}}
    defs["approval"] = GATE
    defs["step"] = _chosen("uses", "action", {"$ref": "#/$defs/human"})
    defs["together"] = {
        **PARALLEL,
        "properties": {"parallel": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/step"}}},
    }
    defs["item"] = _chosen("gate", "approval", _chosen("parallel", "together", {"$ref": "#/$defs/step"}))
    return {
        "$schema": SCHEMA_ID,
        "title": "Runbook",
        **RUNBOOK,
        "properties": {**RUNBOOK["properties"], "sections": _sections()},
        "$defs": defs,
    }


def _chosen(key: str, then: str, otherwise: dict[str, Any]) -> dict[str, Any]:
    """One form where the key stands, another where it does not: errors then speak of one form only."""
    return {"if": {"required": [key]}, "then": {"$ref": f"#/$defs/{then}"}, "else": otherwise}


def _branch(name: str, ref: str, body: Mapping[str, Any]) -> dict[str, Any]:
    then: dict[str, Any] = {"properties": {"with": {"$ref": ref}}}
    if body.get("required"):
        then["required"] = ["with"]
    return {"if": {"properties": {"uses": {"const": name}}, "required": ["uses"]}, "then": then}


def _named(name: str, text: str) -> dict[str, Any]:
    return {"const": name, **({"description": text} if text else {})}


def _without_title(with_: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """A person's item takes the title of its step."""
    body = defs.get(str(with_.get("$ref", "")).removeprefix("#/$defs/"))
    if not body:
        return {"type": "object"}
    required = [name for name in body.get("required", ()) if name != "title"]
    return {**body, "required": required}


def _sections() -> dict[str, Any]:
    sections: dict[str, Any] = RUNBOOK["properties"]["sections"]
    items = sections["items"]
    steps = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/item"}}
    return {**sections, "items": {**items, "properties": {**items["properties"], "steps": steps}}}


def templated(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of arguments in which any value may also be a text with `{{ … }}`."""
    out = dict(schema)
    if "properties" in out:
        out["properties"] = {name: _or_expression(sub) for name, sub in out["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(out.get(key), dict):
            out[key] = _or_expression(out[key])
    if "anyOf" in out:
        out["anyOf"] = [templated(sub) for sub in out["anyOf"]]
    return out


def _or_expression(schema: Mapping[str, Any]) -> dict[str, Any]:
    inner = templated(schema)
    if schema.get("type") == "string" and not {"pattern", "enum", "format", "maxLength"} & schema.keys():
        return inner
    about: dict[str, Any] = {key: inner.pop(key) for key in ("description", "default") if key in inner}
    branches = inner.pop("anyOf") if set(inner) == {"anyOf"} else [inner]
    return {**about, "anyOf": [*branches, _EXPRESSION]}


def _renamed(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {
            name: f"#/$defs/{key}_{item.rpartition('/')[2]}"
            if name == "$ref" and isinstance(item, str)
            else _renamed(item, key)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_renamed(item, key) for item in value]
    return value
