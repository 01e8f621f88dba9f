"""From when a step may be done: its own `not_before` and its section's, the later of the two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runbook_exec import almanac, render
from runbook_exec.change import Deferred
from runbook_exec.errors import Invalid
from runbook_exec.model import Step

ZONE = "UTC"
"""Where a project names none."""


def opening(step: Step, names: Mapping[str, Any], *, where: str) -> str | Deferred:
    """The moment as `almanac.written` writes it; empty where it may be done at any time."""
    if not step.not_before:
        return ""
    found = []
    try:
        zone = almanac.zone(str(names.get("run", {}).get("timezone") or ZONE))
        for text in step.not_before:
            value = render.render(text, names, where=where)
            if isinstance(value, Deferred):
                return value
            found.append(almanac.instant(value, zone))
    except ValueError as error:
        raise Invalid(
            f"not_before: {error}",
            where=where,
            next_move="write a day or a time, or an expression that gives one: "
            "{{ last_day | plus_days(30) | at('08:00') }}",
        ) from error
    return almanac.written(max(found), zone)
