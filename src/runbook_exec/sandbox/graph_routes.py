"""Which part of the double answers a request: a table of methods and paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Handler = Callable[..., Any]


class Routes:
    """Paths with `{}` for what varies. Case does not count but in what varies; fixed parts win."""

    def __init__(self) -> None:
        self._table: list[tuple[str, tuple[str, ...], Handler]] = []

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        self._table.append((method, tuple(pattern.lower().split("/")), handler))

    def find(self, method: str, path: tuple[str, ...]) -> tuple[Any, ...] | None:
        """The handler and what stands in the path's variable places; None where there is none."""
        fitting = [
            (parts, handler) for verb, parts, handler in self._table if verb == method and _fits(parts, path)
        ]
        if not fitting:
            return None
        parts, handler = min(fitting, key=lambda found: found[0].count("{}"))
        return (handler, *(given for part, given in zip(parts, path, strict=True) if part == "{}"))


def _fits(parts: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return len(parts) == len(path) and all(
        part in {"{}", given.lower()} for part, given in zip(parts, path, strict=True)
    )
