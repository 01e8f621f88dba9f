"""Lengths of time as people write them: `20s`, `30m`, `48h`, `14d`."""

from __future__ import annotations

import re

from runbook_exec.errors import Invalid

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,3})?(ms|s|m|h|d|w)$"
"""For JSON Schemas of fields that hold a duration."""

LONGEST = 10 * 366 * 86400.0
"""Ten years, in seconds: more is a slip of the pen."""


def seconds(text: str | float, *, where: str = "") -> float:
    """`"30m"` → 1800.0; a plain number counts as seconds."""
    length = text if isinstance(text, int | float) else _parsed(text.strip())
    if length is None or isinstance(length, bool) or not 0 <= length <= LONGEST:
        raise Invalid(
            f"{str(text)[:40]!r} is no length of time",
            where=where,
            next_move="write a number and ms, s, m, h, d or w: 30m; ten years at most",
        )
    return float(length)


def _parsed(text: str) -> float | None:
    if not re.fullmatch(PATTERN, text):
        return None
    number = text.rstrip("mshdw")
    return round(float(number) * _UNITS[text[len(number) :]], 6)


def words(length: float) -> str:
    """1800.0 → `30m`: the shortest text that `seconds` reads back, exact to the millisecond."""
    thousandths = round(length * 1000)
    for unit in ("w", "d", "h", "m", "s"):
        size = round(_UNITS[unit] * 1000)
        if thousandths >= size and thousandths % size == 0:
            return f"{thousandths // size}{unit}"
    if thousandths > 1000:
        return f"{thousandths // 1000}.{thousandths % 1000:03}".rstrip("0") + "s"
    return f"{thousandths}ms" if thousandths else "0s"
