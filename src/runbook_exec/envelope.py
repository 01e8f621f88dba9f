"""What a line may become that is planned only once a value is known: its limits, and what lies outside.

A runbook writes the limits of a step as `within:`. They are approved with the plan, and hold
for a line that is known from the start, too. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runbook_exec import render
from runbook_exec.change import Change, Deferred, Json, holds_deferred
from runbook_exec.dn import one_spelling, parse
from runbook_exec.errors import Invalid

LIMITS = ("base", "targets", "groups", "attributes")
"""Below which containers, called how, which groups, which attributes: what `within:` may limit."""

Limits = Mapping[str, Sequence[str]]


def limits(within: Mapping[str, Json], names: Mapping[str, Any], *, where: str) -> dict[str, list[str]]:
    """The limits with their expressions computed. What is not known yet limits nothing, and is refused."""
    found: dict[str, list[str]] = {}
    for kind, written in within.items():
        value = render.render(written, names, where=where)
        if holds_deferred(value):
            raise Invalid(
                f"within.{kind} needs a value that an earlier step supplies: nobody could approve it",
                where=where,
                next_move="write it with inputs, site values or fixed texts",
            )
        texts = value if isinstance(value, list) else [value]
        if not texts or not all(isinstance(text, str) and text.strip() for text in texts):
            raise Invalid(
                f"within.{kind} gives no text, or an empty one",
                where=where,
                next_move="give at least one name",
            )
        found[kind] = texts
    return found


def outside(within: Limits, change: Change) -> str:
    """Why a change lies outside the limits; empty where it lies inside, or nobody can tell yet."""
    return next(_reasons(within, change), "")


def _reasons(within: Limits, change: Change) -> Iterator[str]:
    touched = [name for name in _places(change) if not isinstance(name, Deferred)]
    if "base" in within:
        yield from (
            f"{name} is not below {' or '.join(within['base'])}"
            for name in touched
            if not any(_is_below(name, base) for base in within["base"])
        )
    if "targets" in within and not isinstance(change.target, Deferred):
        patterns = [_pattern(text) for text in within["targets"]]
        if not any(pattern.fullmatch(change.target.casefold()) for pattern in patterns):
            yield f"{change.target} is not called like {' or '.join(within['targets'])}"
    if "groups" in within:
        allowed = {one_spelling(name) for name in within["groups"]}
        yield from (
            f"the group {names[0]} is not one of those allowed"
            for names in change.groups
            if not any(one_spelling(name) in allowed for name in names)
        )
    if "attributes" in within and not change.groups:
        allowed = {name.casefold() for name in within["attributes"]}
        set_ = {name: None for part in (change.before, change.after) for name in part or {}}
        yield from (
            f"the attribute {name} is not one of those allowed"
            for name in set_
            if name.casefold() not in allowed
        )


def _places(change: Change) -> Iterator[str]:
    """The target, and whatever else is written and is no group that somebody joins or leaves."""
    groups = {name for names in change.groups for name in names}
    yield change.target
    yield from (name for name in change.writes if name not in groups and name != change.target)


def _is_below(name: str, base: str) -> bool:
    """Below, not the container itself; what is no directory name lies below none."""
    try:
        one, other = parse(name), parse(base)
    except Invalid:
        return False
    return one.canonical != other.canonical and one.is_inside(other)


def _pattern(text: str) -> re.Pattern[str]:
    """A name in which `*` stands for anything; every other character is itself."""
    return re.compile(".*".join(map(re.escape, text.casefold().split("*"))), re.DOTALL)
