"""The runbook format as JSON Schema: the one description that loading and editors share."""

from __future__ import annotations

from typing import Any

from runbook_exec import duration
from runbook_exec.model import LANGUAGES, Mode, OnFailure

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"

_TEXT = {"type": "string", "minLength": 1}
_DURATION = {"type": "string", "pattern": duration.PATTERN, "description": "a number and ms, s, m, h, d or w"}
_EXPRESSION = {"type": "string", "pattern": "\\{\\{", "description": "an expression: {{ … }}"}

TITLE: dict[str, Any] = {
    "description": "what the reader sees, in every language",
    "anyOf": [
        _TEXT,
        {
            "type": "object",
            "properties": dict.fromkeys(LANGUAGES, _TEXT),
            "additionalProperties": _TEXT,
        },
    ],
}

ID: dict[str, Any] = {
    "type": "string",
    "pattern": "^[a-z][a-z0-9_]*$",
    "maxLength": 40,
    "description": "the step's name for later expressions",
}

GATE_RULE: dict[str, Any] = {
    "type": "object",
    "description": "who must agree",
    "properties": {
        "all": {"type": "array", "items": {"$ref": "#/$defs/gate"}, "minItems": 1},
        "any": {"type": "array", "items": {"$ref": "#/$defs/gate"}, "minItems": 1},
        "person": _TEXT,
        "group": _TEXT,
        "role": _TEXT,
        "count": {"type": "integer", "minimum": 1},
        "expires": _DURATION,
    },
    "minProperties": 1,
    "additionalProperties": False,
}

STEP_PROPERTIES: dict[str, Any] = {
    "id": ID,
    "title": TITLE,
    "uses": {"type": "string", "pattern": "^[a-z]+\\.[a-z_]+$", "description": "the action"},
    "with": {"type": "object", "description": "the action's arguments; strings may hold {{ … }}"},
    "when": {**_EXPRESSION, "description": "do this step only if the expression is true"},
    "for_each": {**_EXPRESSION, "description": "do this step once for each element of a list"},
    "as": {**ID, "description": "the element's name in for_each; `item` if left out"},
    "mode": {"enum": [mode.value for mode in Mode], "description": "who does it and how it is confirmed"},
    "retry": {
        "type": "object",
        "properties": {"attempts": {"type": "integer", "minimum": 1, "maximum": 10}, "backoff": _DURATION},
        "additionalProperties": False,
    },
    "timeout": _DURATION,
    "on_failure": {"enum": [choice.value for choice in OnFailure]},
    "irreversible": {**_TEXT, "description": "why this cannot be taken back"},
}

STEP: dict[str, Any] = {
    "type": "object",
    "required": ["id", "title", "uses"],
    "properties": STEP_PROPERTIES,
    "additionalProperties": False,
}

HUMAN_STEP: dict[str, Any] = {
    "type": "object",
    "required": ["id", "title", "mode"],
    "properties": {k: v for k, v in STEP_PROPERTIES.items() if k != "uses"},
    "additionalProperties": False,
}

GATE: dict[str, Any] = {
    "type": "object",
    "required": ["id", "gate"],
    "properties": {
        "id": ID,
        "title": TITLE,
        "gate": {"$ref": "#/$defs/gate"},
        "when": STEP_PROPERTIES["when"],
    },
    "additionalProperties": False,
}

PARALLEL: dict[str, Any] = {
    "type": "object",
    "required": ["parallel"],
    "properties": {"parallel": {"type": "array", "minItems": 2}},
    "additionalProperties": False,
}

RUNBOOK: dict[str, Any] = {
    "type": "object",
    "required": ["runbook", "title", "sections"],
    "properties": {
        "runbook": {"type": "string", "pattern": "^[a-z][a-z0-9-]*$", "maxLength": 60},
        "title": TITLE,
        "description": TITLE,
        "ticket": {"enum": ["required", "create", "optional"]},
        "subject": {**_TEXT, "description": "who or what the run is about; one run at a time for each"},
        "inputs": {
            "type": "object",
            "description": "JSON Schema of the inputs; `secret: true` hides a value",
        },
        "guards": {
            "type": "object",
            "properties": {
                "max_changes": {"type": "integer", "minimum": 1},
                "protected": {"type": "array", "items": _TEXT},
            },
            "additionalProperties": False,
        },
        "sections": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["title", "steps"],
                "properties": {"title": TITLE, "steps": {"type": "array", "minItems": 1}},
                "additionalProperties": False,
            },
        },
        "triggers": {"type": "array", "items": {"type": "object"}},
    },
    "additionalProperties": False,
    "$defs": {"gate": GATE_RULE},
}


def editor_schema(arguments: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The whole format with every action's arguments, for editors that complete and check YAML.

    `arguments` maps an action's name to the JSON Schema of its `with:`.
    """
    defs: dict[str, Any] = {"gate": GATE_RULE}
    branches: list[dict[str, Any]] = []
    for name, schema in sorted(arguments.items()):
        inner = schema.get("$defs", {})
        key = name.replace(".", "_")
        for part, body in inner.items():
            defs[f"{key}_{part}"] = _renamed(templated(body), key)
        properties = {
            **STEP_PROPERTIES,
            "uses": {"const": name},
            "with": {"$ref": f"#/$defs/{key}_{schema['$ref'].rpartition('/')[2]}"},
        }
        branches.append(
            {
                "if": {"properties": {"uses": {"const": name}}, "required": ["uses"]},
                "then": {"properties": properties},
            }
        )
    defs["step"] = {
        **STEP,
        "properties": {**STEP_PROPERTIES, "uses": {"enum": sorted(arguments)}},
        "allOf": branches,
    }
    defs["item"] = {"anyOf": [{"$ref": "#/$defs/step"}, HUMAN_STEP, GATE, _parallel_of_steps()]}
    sections = {**RUNBOOK["properties"]["sections"]}
    section = {**sections["items"], "properties": {**sections["items"]["properties"]}}
    section["properties"]["steps"] = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/item"}}
    sections["items"] = section
    return {
        "$schema": SCHEMA_ID,
        "title": "Runbook",
        **RUNBOOK,
        "properties": {**RUNBOOK["properties"], "sections": sections},
        "$defs": defs,
    }


def templated(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema of arguments in which any value may also be a text with `{{ … }}`."""
    out = dict(schema)
    if "properties" in out:
        out["properties"] = {
            name: {"anyOf": [templated(sub), {"type": "string", "pattern": "\\{\\{"}], **_described(sub)}
            for name, sub in out["properties"].items()
        }
    if isinstance(out.get("items"), dict):
        out["items"] = {"anyOf": [templated(out["items"]), {"type": "string", "pattern": "\\{\\{"}]}
    if isinstance(out.get("additionalProperties"), dict):
        out["additionalProperties"] = {
            "anyOf": [templated(out["additionalProperties"]), {"type": "string", "pattern": "\\{\\{"}]
        }
    return out


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": schema["description"]} if "description" in schema else {}


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


def _parallel_of_steps() -> dict[str, Any]:
    steps = {"type": "array", "minItems": 2, "items": {"anyOf": [{"$ref": "#/$defs/step"}, HUMAN_STEP]}}
    return {**PARALLEL, "properties": {"parallel": steps}}
