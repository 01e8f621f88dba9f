"""Moments as steps write them, with their time zone."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

from runbook_exec.errors import Invalid


def utc(name: str, text: str, example: str) -> datetime | None:
    """The moment in UTC, None for an empty text; `name` is the argument that an error names."""
    if not text:
        return None
    moment: datetime | None = None
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
    if moment is None or moment.tzinfo is None:
        raise Invalid(
            f"{name} is {text!r}, which is no time with a time zone", next_move=f"write it like {example}"
        )
    return moment.astimezone(UTC)
