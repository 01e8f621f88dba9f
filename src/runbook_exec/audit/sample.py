"""A sample that anybody can draw again by hand.

The method, to be repeated with nothing but a SHA-256 tool: the seed is
`CLIENT|CONTROL|FROM|TO|DIGEST` (DIGEST is that of the list of all items, in the order in which they are listed, one
key a line, each followed by a newline). Each item's number is SHA-256 of `SEED|KEY`, both in UTF-8. The items
with the smallest numbers, compared as text, are the sample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What a sample was drawn from, and which keys came out, smallest number first."""

    seed: str
    chosen: tuple[str, ...]
    whole: bool
    """True where every item was taken."""

    def number(self, key: str) -> str:
        return number(self.seed, key)


def draw(
    keys: Sequence[str], size: int | None, *, client: str, control: str, since: date, until: date
) -> Draw:
    """The sample of this size; all of them where none is named or there are no more."""
    seed = f"{client}|{control}|{since.isoformat()}|{until.isoformat()}|{digest(keys)}"
    by_number = sorted(keys, key=lambda key: number(seed, key))
    whole = size is None or size >= len(by_number)
    return Draw(seed=seed, chosen=tuple(by_number if whole else by_number[:size]), whole=whole)


def digest(keys: Sequence[str]) -> str:
    """SHA-256 over the list of items: each key and a newline."""
    return hashlib.sha256("".join(f"{key}\n" for key in keys).encode()).hexdigest()


def number(seed: str, key: str) -> str:
    """What decides whether an item is drawn."""
    return hashlib.sha256(f"{seed}|{key}".encode()).hexdigest()
