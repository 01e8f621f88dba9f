"""Lengths of time as people write them: `20s`, `30m`, `48h`, `14d`."""

from __future__ import annotations

import re

from runbook_exec.errors import Invalid

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
PATTERN = r"^\d+(\.\d+)?(ms|s|m|h|d|w)$"
"""For JSON Schemas of fields that hold a duration."""


def seconds(text: str | float, *, where: str = "") -> float:
    """`"30m"` → 1800.0; a plain number counts as seconds."""
    if isinstance(text, int | float):
        return float(text)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", text.strip())
    if not match:
        raise Invalid(
            f"{text!r} is no length of time", where=where, next_move="write a number and s, m, h, d or w: 30m"
        )
    return float(match[1]) * _UNITS[match[2]]


def words(length: float) -> str:
    """1800.0 → `30m`: the shortest text that `seconds` reads back."""
    for unit in ("w", "d", "h", "m", "s"):
        if length >= _UNITS[unit] and length % _UNITS[unit] == 0:
            return f"{int(length // _UNITS[unit])}{unit}"
    return f"{length:g}s"
