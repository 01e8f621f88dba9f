"""Ticket systems behind one interface; adding one is a module here and passing the contract suite.

Every write carries a key that its caller derives from run and step. A write repeated with
the same key changes nothing more, so it may be repeated whenever nobody knows whether it
happened.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from runbook_exec.change import Json, State
from runbook_exec.errors import Invalid


class TicketSystem(Protocol):
    """An open ticket system, of one client. Opened without `write` it cannot write.

    Raises `Failed` for a ticket that does not exist, `Transient` where it is busy,
    `Unreachable` (with `sent=True` if a write was under way) where it does not answer.
    """

    def open(
        self, *, key: str, title: str, text: str, queue: str = "", requester: str = "", parent: str = ""
    ) -> str:
        """Open a ticket, linked to its parent, and give its id; the id of the first where the key was used before."""

    def comment(self, ticket: str, *, key: str, text: str, author: str) -> None:
        """Add a comment."""

    def attach(self, ticket: str, *, key: str, name: str, kind: str, content: bytes) -> None:
        """Attach a file; `kind` is its media type."""

    def close(self, ticket: str, *, key: str, text: str = "", author: str = "") -> None:
        """Close the ticket, with a last comment if there is a text. A closed one stays closed."""

    def reopen(self, ticket: str, *, key: str, text: str = "", author: str = "") -> None:
        """Open a closed ticket again."""

    def read(self, ticket: str) -> State:
        """The ticket, or None where there is none.

        `{id, status: open|closed, title, text, queue, requester, parent, children: [id], comments:
        [{key, author, text, at}], attachments: [{key, name, kind, size, at}]}`, both in order of time.
        """

    def content(self, ticket: str, key: str) -> bytes:
        """What was attached with this key."""

    def find_by_key(self, key: str) -> str | None:
        """The id of the ticket that was opened with this key."""

    def about(self) -> str:
        """A sentence for `doctor`: which system, and that it answers."""

    def may(self) -> Mapping[str, bool]:
        """The rights (as actions name them) that can be told from here, and whether we have them."""


def open_desk(connection: Mapping[str, Json], *, write: bool) -> AbstractContextManager[TicketSystem]:
    """Open the ticket system that `system` names (`local` if nothing does)."""
    name = str(connection.get("system", "local"))
    if name not in known_systems():
        raise Invalid(
            f"there is no ticket system {name!r}",
            where="connection 'ticket'",
            next_move="choose one of: " + ", ".join(known_systems()),
        )
    module: Any = importlib.import_module(f"{__name__}.{name}")
    opened: AbstractContextManager[TicketSystem] = module.open_desk(connection, write=write)
    return opened


def known_systems() -> list[str]:
    """The names of all ticket systems, without importing any."""
    return sorted(found.name for found in pkgutil.iter_modules(__path__))
