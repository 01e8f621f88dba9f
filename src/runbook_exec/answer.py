"""What a person may answer: a value of a schema, and where only some are right, one of those. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runbook_exec import check
from runbook_exec.change import Json
from runbook_exec.visible import has_look_alikes

TEXT: Mapping[str, Json] = {"type": "string", "minLength": 1, "maxLength": 200}


def problem(asked: Mapping[str, Any], value: Json) -> str:
    """Why `value` is no answer to what was `asked` (`answer`, a schema; `expect`, the right ones); empty: it is."""
    return wrong(asked["answer"], asked.get("expect", ()), value)


def wrong(schema: Mapping[str, Any], expect: Sequence[str], value: Json) -> str:
    """The same, of its parts."""
    for found in check.problems(value, schema, lambda _: ""):
        return found.what
    if isinstance(value, str) and has_look_alikes(value):
        return "it holds characters that are not what they look like"
    if expect and _folded(value) not in {_folded(right) for right in expect}:
        return "that is not the answer"
    return ""


def _folded(value: Json) -> str:
    return " ".join(str(value).split()).casefold()
