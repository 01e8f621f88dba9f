"""What a far side itself remembers of changes, in one shape for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from runbook_exec.change import Words


@dataclass(frozen=True, kw_only=True)
class FarChange:
    """One change as a far side tells it."""

    side: str
    """The connection that it was read through: ldap, graph."""
    at: str
    """UTC, ISO 8601."""
    object: str
    """What was changed, by the far side's name for it."""
    identity: str
    """Its immutable id, in small letters; empty where the far side gives none."""
    what: str
    """The attribute, or the operation where it is about the whole thing."""
    how: str = "changed"
    """created, changed, deleted, added, removed, or the far side's own word."""
    value: str = ""
    """Of a link or a membership: the other end."""
    value_id: str = ""
    by: str = ""
    """Who did it, where the far side says so."""
    application: str = ""
    """Through which application, by its id, where the far side says so."""
    sync: bool = False
    """A directory synchronisation did it: its cause lies in the other directory."""
    mark: str = ""
    """The far side's own number of it: an update number, an id."""


@dataclass(frozen=True, kw_only=True)
class FarLog:
    """What was found, and what nobody can see there."""

    changes: tuple[FarChange, ...]
    limits: tuple[Words, ...] = ()
    reach: int = 0
    """Days back that the log can show at most; 0: it has no such end."""


class Rememberer(Protocol):
    """A session whose far side keeps a log of changes."""

    def history(self, since: str, until: str, *, base: str, only: Sequence[str] | None) -> FarLog:
        """What was changed from `since` to before `until` (UTC, ISO 8601).

        `only` restricts it to these things, by immutable id or by name; None: everything below
        `base` (empty: the connection's own).
        """
