"""Lists of people in a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def listed(people: Sequence[str], joint: str) -> str:
    """`Anna, Otto and Ilse`; `joint` is the last word between two."""
    return f" {joint} ".join(filter(None, [", ".join(people[:-1]), people[-1]]))


def verb(people: Sequence[str], one: str, many: str) -> str:
    """The verb that fits one or many."""
    return one if len(people) == 1 else many
