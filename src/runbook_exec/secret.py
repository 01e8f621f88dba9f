"""Secrets are a type: they do not print, pickle, compare or serialise."""

from __future__ import annotations

import contextvars
from typing import NoReturn

leaked: contextvars.ContextVar[bool] = contextvars.ContextVar("a secret was turned into text", default=False)
"""Set when a secret is turned into text or compared, so that rendering can refuse the result."""


class Secret:
    """A value that only `apply` opens, by `reveal()`.

    At plan time a secret is *planned*: it has a rule ("20 characters, four kinds")
    and no value yet; revealing it is a defect and raises.
    """

    __slots__ = ("_value", "rule")

    def __init__(self, value: str | None, *, rule: str = "a secret") -> None:
        self._value = value
        self.rule = rule

    @classmethod
    def planned(cls, rule: str) -> Secret:
        """A secret that will be made by `rule` when the run reaches it."""
        return cls(None, rule=rule)

    @property
    def is_planned(self) -> bool:
        return self._value is None

    def reveal(self) -> str:
        if self._value is None:
            raise ValueError("a planned secret has no value yet")
        return self._value

    def __str__(self) -> str:
        leaked.set(True)
        return "***"

    def __repr__(self) -> str:
        return str(self)

    def __format__(self, spec: str) -> str:
        return str(self)

    def __eq__(self, other: object) -> bool:
        if self is not other:
            leaked.set(True)  # an expression that compares would be an oracle
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret does not serialise")
