"""The group or team that a change is about: how actions name and find it."""

from __future__ import annotations

from typing import Any

from runbook_exec.change import Facts, Ref
from runbook_exec.errors import Refused


def ref(group: str) -> Ref:
    """The group of this display name or id."""
    return Ref("graph.group", group.strip().lower())


def existing(facts: Facts, given: str) -> Any:
    """The group, read; refuses where there is none, or several of the name."""
    group = facts.get(ref(given))
    if group is None:
        raise Refused(f"there is no cloud group {given}", next_move="check the name, or give the group's id")
    if "ambiguous" in group:
        raise Refused(
            f"{len(group['ambiguous'])} groups are called {given}",
            next_move="give the id of the one that is meant: " + ", ".join(group["ambiguous"]),
        )
    return group
