"""The opposite of a change, from its before-image alone. Pure."""

from __future__ import annotations

from runbook_exec.change import Change, Words


def opposite(change: Change, says: Words, *, destructive: bool = False) -> Change:
    """The same target with before and after changed over; what it may write stays."""
    return Change(
        action=change.action,
        target=change.target,
        before=change.after,
        after=change.before,
        says=says,
        identity=change.identity,
        involves=change.involves,
        writes=change.writes,
        destructive=destructive,
    )
