"""A date as a letter writes it: `2026-03-01` → 1. März 2026."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "cs": "ledna února března dubna května června července srpna září října listopadu prosince",
}


def day_in(language: str) -> Callable[[object], str]:
    """The template filter `day` of a language; what is no ISO date stays as it is written."""

    def day(value: object) -> str:
        text = str(value)
        try:
            found = date.fromisoformat(text)
        except ValueError:
            return text
        if language not in _MONTHS:
            return text
        dot = "" if language == "en" else "."
        return f"{found.day}{dot} {_MONTHS[language].split()[found.month - 1]} {found.year}"

    return day
