"""The runbook format as JSON Schema: the one description that loading and editors share."""

from __future__ import annotations

from typing import Any

from runbook_exec import duration
from runbook_exec.model import LANGUAGES, LETTERS, Duty, Mode, OnFailure

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"

_TEXT = {"type": "string", "minLength": 1}
_DURATION = {"type": "string", "pattern": duration.PATTERN, "description": "a number and ms, s, m, h, d or w"}
_EXPRESSION = {"type": "string", "pattern": "\\{\\{", "description": "an expression: {{ … }}"}

_WORDS: dict[str, Any] = {
    "anyOf": [
        _TEXT,
        {
            "type": "object",
            "properties": dict.fromkeys(LANGUAGES, _TEXT),
            "additionalProperties": _TEXT,
        },
    ],
}

TITLE: dict[str, Any] = {"description": "what the reader sees, in every language", **_WORDS}

ID: dict[str, Any] = {
    "type": "string",
    "pattern": "^[a-z][a-z0-9_]*$",
    "maxLength": 40,
    "description": "the step's name for later expressions",
}

RULE_KINDS = ("all", "any", "person", "manager_of", "group", "role")
"""A rule is exactly one of these; `count` may stand beside any, group and role."""

RULE: dict[str, Any] = {
    "type": "object",
    "description": "who must agree: one of " + ", ".join(RULE_KINDS),
    "properties": {
        "all": {"type": "array", "items": {"$ref": "#/$defs/rule"}, "minItems": 1},
        "any": {"type": "array", "items": {"$ref": "#/$defs/rule"}, "minItems": 1},
        "person": {**_TEXT, "description": "one person, by sign-in name, employee id or expression"},
        "manager_of": {**_TEXT, "description": "whose manager, by the people file"},
        "group": {**_TEXT, "description": "members of a group of the people file"},
        "role": {**_TEXT, "description": "holders of a role"},
        "count": {"type": "integer", "minimum": 1, "maximum": 20, "description": "how many; 1 if left out"},
    },
    "oneOf": [{"required": [kind]} for kind in RULE_KINDS],
    "additionalProperties": False,
}

_LATER: dict[str, Any] = {
    "type": "object",
    "required": ["after", "to"],
    "properties": {"after": _DURATION, "to": {"$ref": "#/$defs/rule"}},
    "additionalProperties": False,
}

GATE_RULE: dict[str, Any] = {
    **RULE,
    "properties": {
        **RULE["properties"],
        "expires": {**_DURATION, "description": "it stays shut once it has waited so long: 48h"},
        "holds": {**_DURATION, "description": "how long it stays open; until it expires if left out"},
        "remind": {
            "type": "array",
            "items": _DURATION,
            "maxItems": 10,
            "description": "after these times whoever may open it is reminded by mail; none: []",
        },
        "fallback": {**_LATER, "description": "who may open it too, once it has waited so long"},
        "escalate": {**_LATER, "description": "who is told too, once it has waited so long"},
    },
}

GATE_DEFS: dict[str, Any] = {"rule": RULE}
"""For schemas that hold `GATE`."""

_NAMES: dict[str, Any] = {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": _TEXT}]}

NOT_BEFORE: dict[str, Any] = {
    **_TEXT,
    "description": "a day or time before which it is not done, in the project's time zone; "
    "or an expression: {{ last_day | plus_days(30) | at('08:00') }}",
}

STEP_PROPERTIES: dict[str, Any] = {
    "id": ID,
    "title": TITLE,
    "uses": {
        "type": "string",
        "pattern": "^[a-z][a-z0-9_]*\\.[a-z][a-z0-9_]*$",
        "description": "the action, as in ldap.user",
    },
    "with": {"type": "object", "description": "the action's arguments; strings may hold {{ … }}"},
    "within": {
        "type": "object",
        "description": "limits that hold whatever the step's values turn out to be; shown and approved with the plan",
        "properties": {
            "base": {**_NAMES, "description": "directory containers (DN) that all it touches lies below"},
            "targets": {**_NAMES, "description": "how its target is called; * stands for anything"},
            "groups": {**_NAMES, "description": "groups that somebody may join or leave"},
            "attributes": {**_NAMES, "description": "attributes that it may read or set"},
        },
        "additionalProperties": False,
        "minProperties": 1,
    },
    "when": {**_EXPRESSION, "description": "do this step only if the expression is true"},
    "not_before": NOT_BEFORE,
    "for_each": {**_EXPRESSION, "description": "do this step once for each element of a list"},
    "as": {**ID, "description": "the element's name in for_each; `item` if left out"},
    "mode": {"enum": [mode.value for mode in Mode], "description": "who does it and how it is confirmed"},
    "retry": {
        "type": "object",
        "description": "how often a step that met a passing trouble is tried, and the first pause",
        "properties": {"attempts": {"type": "integer", "minimum": 1, "maximum": 10}, "backoff": _DURATION},
        "additionalProperties": False,
    },
    "timeout": {**_DURATION, "description": "how long the step may take: 10m if left out"},
    "deadline": {
        **_DURATION,
        "description": "when it should be over, from when the run comes to it; else what the project says",
    },
    "on_failure": {
        "enum": [*(choice.value for choice in OnFailure), "undo"],
        "description": "what a failed step means: stop the run, or continue past it",
    },
    "deferrable": {
        "description": "that it may be put off, and in which class",
        "anyOf": [
            {"enum": list(LETTERS)},
            {
                "type": "object",
                "required": ["class"],
                "properties": {
                    "class": {"enum": list(LETTERS)},
                    "within": {**_DURATION, "description": "for how long at most: 24h"},
                },
                "additionalProperties": False,
            },
        ],
    },
    "irreversible": {**_WORDS, "description": "why this cannot be taken back, as a text or by language"},
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
        "gate": GATE_RULE,
        "when": STEP_PROPERTIES["when"],
        "not_before": NOT_BEFORE,
    },
    "additionalProperties": False,
}

PARALLEL: dict[str, Any] = {
    "type": "object",
    "required": ["parallel"],
    "properties": {"parallel": {"type": "array", "minItems": 2}},
    "additionalProperties": False,
}

_DUTY = {"enum": [duty.value for duty in Duty]}
_DUTIES: dict[str, Any] = {
    "anyOf": [_DUTY, {"type": "array", "items": _DUTY, "minItems": 1, "uniqueItems": True}],
    "description": "joiner, leaver, access or emergency, or several of them",
}
CONTROL: dict[str, Any] = {
    "description": "which control its runs are evidence for, alone or with how punctual they have to be",
    "anyOf": [
        _DUTY,
        {"type": "array", "items": _DUTY, "minItems": 1, "uniqueItems": True},
        {
            "type": "object",
            "required": ["is"],
            "properties": {
                "is": _DUTIES,
                "due": {**_EXPRESSION, "description": "the input with the first or the last working day"},
                "until": {**_EXPRESSION, "description": "the input with the last day of what is granted"},
                "within": {**_DURATION, "description": "how late is too late, by the calendar"},
                "within_working_time": {**_DURATION, "description": "the same in working time"},
            },
            "additionalProperties": False,
        },
    ],
}

RUNBOOK: dict[str, Any] = {
    "type": "object",
    "required": ["runbook", "title", "sections"],
    "properties": {
        "runbook": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9-]*$",
            "maxLength": 60,
            "description": "its name, in small letters, digits and hyphens",
        },
        "title": TITLE,
        "description": TITLE,
        "ticket": {
            "enum": ["required", "create", "optional"],
            "description": "must a ticket be named, does a step open one, or neither",
        },
        "asked_by": {
            "enum": ["phone"],
            "description": "phone: callers are verified before anything is handed out",
        },
        "subject": {**_TEXT, "description": "who or what the run is about; one run at a time for each"},
        "inputs": {
            "type": "object",
            "description": "JSON Schema of the inputs; `secret: true` hides a value",
        },
        "guards": {
            "type": "object",
            "description": "limits that are checked before anything is written",
            "properties": {
                "max_changes": {
                    "type": "integer",
                    "minimum": 1,
                    "description": "more are refused; 40 if left out",
                },
                "protected": {
                    "type": "array",
                    "items": _TEXT,
                    "description": "classes of objects that no step may touch, as the environment names them",
                },
            },
            "additionalProperties": False,
        },
        "control": CONTROL,
        "sections": {
            "type": "array",
            "description": "the checklist, from top to bottom",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["title", "steps"],
                "properties": {
                    "title": TITLE,
                    "not_before": NOT_BEFORE,
                    "beside": {
                        "type": "boolean",
                        "description": "true: while it waits here, other runs about the subject may begin, "
                        "and this one goes on beside them",
                    },
                    "steps": {"type": "array", "minItems": 1},
                },
                "additionalProperties": False,
            },
        },
        "triggers": {"type": "array", "items": {"type": "object"}, "description": "what may start it"},
    },
    "additionalProperties": False,
    "$defs": GATE_DEFS,
}
